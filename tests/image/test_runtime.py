"""The image that runs the pipeline, run as it is deployed: no privileges, no network, read-only."""

import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml

from sentinel_lib.settings.project import PROJECT_ROOT
from tests.image import containers
from tests.image.containers import AS_OF

USER = "10001"


@pytest.fixture
def volumes(engine, runtime_image):
    volumes = containers.Volumes(engine, runtime_image)
    yield volumes
    volumes.remove()


@pytest.fixture(scope="session")
def outside(tmp_path_factory):
    """The data folder of the same run without a container."""
    folder = tmp_path_factory.mktemp("outside")
    shutil.copytree(PROJECT_ROOT / "config", folder / "config")
    pipeline = folder / "config" / "pipeline.yaml"
    content = yaml.safe_load(pipeline.read_text())
    pipeline.write_text(yaml.safe_dump({**content, "logs": str(folder / "logs")}))
    command = [sys.executable, str(PROJECT_ROOT / "run_pipeline.py"), "run", "--as-of", AS_OF]
    folders = ["--config", "config", "--data", "data", "--reports", "reports"]
    subprocess.run([*command, *folders], cwd=folder, capture_output=True, timeout=300, check=True)
    return folder / "data"


def test_a_run_in_the_image_gives_the_same_gold_byte_for_byte(deployed, outside):
    volumes, run = deployed

    assert run.returncode == 0, run.stderr.decode()
    for name in ("gold/aggregates.csv", "gold/freshness.json"):
        assert volumes.read(f"data/{name}") == (outside / name).read_bytes(), name


def test_a_run_leaves_its_report_and_log_in_their_volumes(deployed):
    volumes, _ = deployed

    found = volumes.shell("cd /app && ls reports/index.html reports/*/index.html logs/*.jsonl")

    assert len(found) == 3


def test_the_archive_of_a_read_only_container_verifies(deployed):
    volumes, _ = deployed

    verified = volumes.run("verify")

    assert verified.returncode == 0, verified.stderr.decode() + verified.stdout.decode()


def test_a_container_that_is_stopped_ends_its_run_by_itself(volumes):
    assert volumes.stopped("run", "--as-of", AS_OF, after="[1/5] ingest ...") == 143
    assert volumes.run("status").returncode == 143


def test_the_user_owns_only_what_a_run_writes_and_has_no_privileges(volumes):
    user, group, capabilities, *owned = volumes.shell(
        "id -u; id -g; grep CapBnd /proc/self/status;"
        " find / -xdev -user $(id -u); find /app -user $(id -u)"
    )

    assert (user, group) == (USER, USER)
    assert int(capabilities.split()[1], 16) == 0
    assert sorted(set(owned)) == ["/app/data", "/app/logs", "/app/reports"]


def test_nothing_but_volumes_and_tmp_can_be_written(volumes):
    tried = "/app /app/config /app/sentinel_lib /opt/venv /var/tmp /run"

    refused = volumes.shell(
        f"for one in {tried}; do touch $one/x 2>/dev/null || echo $one; done;"
        " touch /tmp/x /app/data/x /app/reports/x /app/logs/x"
    )

    assert refused == tried.split()


def test_an_init_is_the_first_process(volumes):
    say = "import pathlib, sys; sys.exit(pathlib.Path('/proc/1/comm').read_text() != 'tini\\n')"

    found = volumes.run("--", "python", "-c", say, entrypoint="tini")

    assert found.returncode == 0


def test_the_entry_point_is_the_command_line_behind_an_init(engine, runtime_image):
    entry_point = containers.settings_of(engine, runtime_image)["Entrypoint"]

    assert entry_point == ["tini", "--", "python", "/app/run_pipeline.py"]


def test_help_is_answered(volumes):
    answered = volumes.run("--help")

    assert answered.returncode == 0
    assert b"exit codes:" in answered.stdout


def test_there_is_no_compiler_no_jupyterlab_and_no_leftover(volumes):
    tools = "gcc g++ cc c++ ld make cargo git jupyter-lab pytest mypy hadolint"
    modules = "jupyterlab jupyter_server notebook pytest mypy bokeh_sampledata"

    found = volumes.shell(
        f"for one in {tools}; do command -v $one || true; done;"
        f'for one in {modules}; do python -c "import $one" 2>/dev/null && echo $one; done;'
        "ls -d /root/.cache /build /etc/pip.conf /app/tests /app/.git /app/.ci 2>/dev/null;"
        "find /app /opt /tmp -name '.env*' -o -name '*.ipynb_checkpoints'; true"
    )

    assert found == []


def test_every_module_of_the_project_is_compiled(volumes):
    script = """\
from importlib.util import cache_from_source
from pathlib import Path
print(*[one for one in Path("/app").rglob("*.py") if not Path(cache_from_source(one)).exists()])"""

    missing = volumes.run("-c", script, entrypoint="python").stdout.decode()

    assert missing == "\n"


def test_the_version_that_is_installed_and_labelled_is_the_project_s(
    engine, volumes, runtime_image
):
    script = """\
from sentinel_lib.settings.environment import load_environment
print(load_environment().release, load_environment().environment)"""
    version = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]["version"]

    said = volumes.run("-c", script, entrypoint="python").stdout.decode()

    assert said.split() == [f"dataflow-sentinel@{version}", "docker"]
    labels = containers.settings_of(engine, runtime_image)["Labels"]
    assert labels["org.opencontainers.image.version"] == version


def test_labels_say_what_the_image_is(engine, runtime_image):
    labels = containers.settings_of(engine, runtime_image)["Labels"]

    said = {name.removeprefix("org.opencontainers.image.") for name in labels}
    assert {
        "title", "description", "source", "licenses", "version", "revision", "created",
    } <= said  # fmt: skip


def health(volumes):
    """What the image's own health check says: its exit code."""
    command = containers.settings_of(volumes.engine, volumes.image)["Healthcheck"]["Test"]
    assert command[0] == "CMD"
    return volumes.run(*command[2:], entrypoint=command[1]).returncode


def test_the_container_is_healthy_before_its_first_run(volumes):
    assert health(volumes) == 0


def test_the_container_is_healthy_after_a_good_run(deployed):
    volumes, _ = deployed

    assert health(volumes) == 0


def test_the_container_is_unhealthy_after_a_run_that_failed(volumes):
    failed = volumes.run("run", "--as-of", AS_OF, "--input", "/app/data/no-such-file.csv")

    assert failed.returncode not in (0, 5, 8)
    assert health(volumes) == 1
