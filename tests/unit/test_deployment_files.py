"""The Dockerfile, the compose file and the examples of the deployment page are valid and safe."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from sentinel_lib.settings.project import PROJECT_ROOT

TOOLS = Path(sys.executable).parent
DOCKERFILE = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PAGE = (PROJECT_ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")


def blocks(language):
    """The code blocks of the deployment page in ``language``."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(params=COMPOSE["services"])
def service(request):
    return COMPOSE["services"][request.param]


def test_hadolint_accepts_the_dockerfile():
    command = [TOOLS / "hadolint", "Dockerfile"]

    checked = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


def test_the_compose_file_is_valid():
    command = [TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"]

    checked = subprocess.run(
        [*command, "docker-compose.yml"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert checked.returncode == 0, checked.stdout


def test_every_stage_starts_from_the_base_image_that_the_digest_pins():
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?", DOCKERFILE, re.MULTILINE)
    (pinned,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)", DOCKERFILE, re.MULTILINE)

    known = {"${PYTHON_IMAGE}", *(name for _, name in stages)}
    assert {base for base, _ in stages} <= known
    assert re.fullmatch(r"\S+:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", pinned)
    assert stages[-1][1] == "runtime"


def test_what_is_installed_from_an_index_is_checked_against_the_lock_files():
    installs = re.findall(r"pip [^&]*? install [^&]*", DOCKERFILE.replace("\\\n", " "))

    assert len(installs) == 3
    for one in installs:
        assert "--require-hashes" in one or "--no-index" in one
        assert "index-url" not in one


def test_the_images_have_the_version_of_the_project():
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]

    versions = set(re.findall(r"^ARG VERSION=(\S+)", DOCKERFILE, re.MULTILINE))
    defaults = set(re.findall(r"SENTINEL_VERSION:-([^}]+)", str(COMPOSE)))

    assert versions == defaults == {project["version"]}


def test_the_build_context_is_a_list_of_what_enters_it():
    lines = (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    patterns = [line for line in lines if line and not line.startswith("#")]

    assert patterns[0] == "*"
    for one in patterns[1:]:
        assert one.startswith("**/") or (PROJECT_ROOT / one.removeprefix("!")).exists(), one


def test_a_service_has_no_privileges_and_limits(service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit", "user"} <= set(service)
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)


def test_a_service_can_be_reached_from_this_machine_alone(service):
    assert all(one.startswith("127.0.0.1:") for one in service.get("ports", []))


def test_the_configuration_is_mounted_read_only(service):
    mounts = {one["target"]: one for one in service["volumes"]}

    assert mounts.get("/app/config", {"read_only": True})["read_only"] is True


def test_the_lab_writes_to_the_sandbox_and_the_notebooks_alone():
    mounts = COMPOSE["services"]["lab"]["volumes"]

    writable = {one["target"] for one in mounts if not one.get("read_only")}

    assert writable == {"/app/data/sandbox", "/app/notebooks"}


def test_only_the_pipeline_starts_by_itself_and_keeps_the_schedule():
    started = [name for name, one in COMPOSE["services"].items() if not one.get("profiles")]

    assert started == ["pipeline"]
    assert COMPOSE["services"]["pipeline"]["command"] == ["serve"]
    assert COMPOSE["services"]["pipeline"]["restart"] == "unless-stopped"


def test_the_environment_files_may_be_missing():
    files = COMPOSE["services"]["pipeline"]["env_file"]

    assert files == [{"path": ".env", "required": False}, {"path": ".env.local", "required": False}]


def test_the_cron_job_of_the_deployment_page_runs_alone_and_without_privileges():
    claim, job = (
        document for block in blocks("yaml") for document in yaml.safe_load_all(block)
    )  # fmt: skip
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert (claim["kind"], job["kind"]) == ("PersistentVolumeClaim", "CronJob")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"requests", "limits"} == set(container["resources"])
    mounted = {one["name"] for one in container["volumeMounts"]}
    assert mounted <= {one["name"] for one in pod["volumes"]}
    assert {"/app/data", "/app/reports", "/app/logs", "/tmp"} <= {
        one["mountPath"] for one in container["volumeMounts"]
    }
