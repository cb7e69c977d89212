"""Two commands on one data folder at the same time, with real kernels."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
import yaml

from sentinel_lib import read_table
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage.run_history import RunHistory

STAGES = ("ingest", "validate", "promote_silver", "monitor")
BY_HAND = """
from sentinel_lib.stages import open_stage
stage = open_stage(
    "ingest", run_id="", as_of="", config_dir="config", data_dir="data", threads=0
)
"""


@dataclass
class Ended:
    """How a command ended; ``shown`` is the object that it printed."""

    code: int
    shown: dict
    stderr: str


@dataclass
class Meeting:
    """What became of the commands that met: two at once, and three while one of those ran."""

    worked: Ended
    refused: Ended
    waited: Ended
    impatient: Ended
    status: Ended
    by_hand: subprocess.CompletedProcess


def start(folder, *arguments):
    command = [sys.executable, str(PROJECT_ROOT / "run_pipeline.py"), *arguments, "--json"]
    folders = ["--config", "config", "--data", "data", "--reports", "reports"]
    return subprocess.Popen(
        [*command, *folders], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def end(process):
    stdout, stderr = process.communicate(timeout=300)
    return Ended(process.returncode, json.loads(stdout), stderr)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project with two simulated assets, and without Gold."""
    folder = tmp_path_factory.mktemp("two_runs")
    shutil.copytree(PROJECT_ROOT / "config", folder / "config")
    pipeline = folder / "config" / "pipeline.yaml"
    content = yaml.safe_load(pipeline.read_text())
    stages = [stage for stage in content["stages"] if stage["name"] in STAGES]
    changed = {**content, "logs": str(folder / "logs"), "stages": stages}
    pipeline.write_text(yaml.safe_dump(changed, sort_keys=False))
    assets = "start: 2024-06-01\nassets: {BTC-USD: {}, ETH-USD: {}}\n"
    (folder / "config" / "assets.yaml").write_text(assets)
    return folder


@pytest.fixture(scope="module")
def meeting(folder):
    as_of = ["--as-of", "2024-06-28"]
    both = [start(folder, "run", *as_of), start(folder, "run", *as_of)]
    while all(process.poll() is None for process in both):
        time.sleep(0.05)
    both.sort(key=lambda process: process.poll() is None)
    refused, worked = both
    worked.send_signal(signal.SIGSTOP)  # it would be over before the others could meet it
    waited = start(folder, "run", *as_of, "--wait", "--force")  # or it would have nothing to do
    impatient = end(start(folder, "run", *as_of, "--wait", "1"))
    status = end(start(folder, "status"))
    by_hand = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PROJECT_ROOT)!r})\n{BY_HAND}"],
        cwd=folder, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert worked.poll() is None, "the run was over before the others could meet it"
    worked.send_signal(signal.SIGCONT)
    return Meeting(end(worked), end(refused), end(waited), impatient, status, by_hand)


@pytest.mark.thorough
def test_of_two_runs_started_at_once_one_works_and_the_other_exits_7(meeting):
    assert (meeting.worked.code, meeting.worked.shown["status"]) == (0, "ok")
    assert meeting.refused.code == 7, meeting.refused.stderr
    assert (meeting.refused.shown["status"], meeting.refused.shown["exit_code"]) == ("failed", 7)
    assert meeting.refused.shown["error"].startswith("another run is writing to ")


def test_run_that_waits_says_for_whom_and_works_when_the_other_has_ended(meeting):
    first_line = meeting.waited.stderr.splitlines()[0]

    assert first_line.startswith(f"waiting for run {meeting.worked.shown['run_id']}, pid ")
    assert (meeting.waited.code, meeting.waited.shown["status"]) == (0, "ok")
    assert meeting.waited.shown["run_id"] > meeting.worked.shown["run_id"]


def test_run_that_waits_too_little_exits_7_and_names_the_other(meeting):
    assert meeting.impatient.code == 7
    assert "after 1 s of waiting" in meeting.impatient.shown["error"]
    assert meeting.worked.shown["run_id"] in meeting.impatient.shown["error"]


def test_readers_and_notebooks_by_hand_wait_for_nobody(meeting):
    assert (meeting.status.code, meeting.status.shown["run_id"]) == (0, None)
    assert meeting.by_hand.returncode == 0, meeting.by_hand.stderr


def test_nothing_is_doubled(folder, meeting):
    runs = list(RunHistory(folder / "data").newest())
    bars = read_table("silver.bars", data=folder / "data")
    first, second = (meeting.worked.shown["assets"], meeting.waited.shown["assets"])

    assert len(runs) == 2
    assert not bars.duplicated(["symbol", "interval", "timestamp"]).any()
    assert len(bars) == sum(asset["promoted"] for asset in first.values()) > 0
    assert [asset["promoted"] for asset in second.values()] == [0, 0]
    payloads = [path for path in (folder / "data/bronze/payloads").rglob("*") if path.is_file()]
    assert len(payloads) == len(first)
