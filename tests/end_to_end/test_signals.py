"""A run that is stopped at any moment, as a user or a process manager stops it."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage.lock import Lock
from tests import tiny_project
from tests.processes import gone

MOMENTS = {
    "before the first stage": "[1/4] ingest ...",
    "when a kernel is about to start": "[2/4] validate ...",
    "in a cell": "cell 2/",
    "between two stages": "[1/4] ingest ok",
    "while the reports are written": "writing the reports ...",
}
"""The line of progress after which the signal comes."""

DOCKER_SECONDS = 10
"""What ``docker stop`` leaves a process before it kills it."""

USUAL_MOMENTS = ("in a cell", "between two stages")

SIGNALS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}


@pytest.fixture
def project(tmp_path):
    made = tiny_project.make(tmp_path / "project")
    (tmp_path / "temporary").mkdir()
    return made


def started(project, mark):
    command = [sys.executable, "run_pipeline.py", "run", "--json", "-v"]
    return subprocess.Popen(
        [*command, "--config", str(project.folder / "config"), "--as-of", "2024-01-03"],
        cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        env={**os.environ, "TMPDIR": str(project.folder.parent / "temporary"), "MARK": mark},
    )  # fmt: skip


def is_of(process, mark):
    try:
        return process.environ().get("MARK") == mark
    except psutil.Error:
        return False


def left_by(mark):
    """The processes that the run has left, and that do not go."""
    found = [process for process in psutil.process_iter() if is_of(process, mark)]
    return [] if gone(found) else found


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        pytest.param(
            list(SIGNALS)[place % 2],
            moment,
            marks=() if moment in USUAL_MOMENTS else pytest.mark.thorough,
        )
        for place, moment in enumerate(MOMENTS)
    ],
)
def test_stopped_run_leaves_a_record_and_nothing_else(project, number, moment):
    mark = f"{project.folder} {moment}"
    code, condition = SIGNALS[number]

    with started(project, mark) as run:
        next(line for line in run.stderr if MOMENTS[moment] in line)
        told_at = time.monotonic()
        run.send_signal(number)
        said, _ = run.communicate(timeout=60)
        seconds = time.monotonic() - told_at

    shown = json.loads(said)
    [record] = project.history.newest()
    lock = Lock(project.folder / "data" / "ops" / "run.lock")
    assert run.returncode == shown["exit_code"] == code
    assert seconds < DOCKER_SECONDS
    assert (record.status, record.exit_code) == ("interrupted", code)
    assert condition in record.conditions
    assert left_by(mark) == []
    assert list((project.folder.parent / "temporary").iterdir()) == []
    assert lock.acquire(0)
    lock.release()


@pytest.mark.thorough
def test_run_after_a_stopped_one_works(project):
    with started(project, "first") as run:
        next(line for line in run.stderr if MOMENTS["in a cell"] in line)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)

    with started(project, "second") as run:
        said, errors = run.communicate(timeout=60)

    statuses = {stage["name"]: stage["status"] for stage in json.loads(said)["stages"]}
    assert set(statuses.values()) == {"ok"}, errors
