"""The service as a process of its own: scheduled runs with real kernels, signals, and its health.

Its clock is sixty times faster than ours, so a run is due every second.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import httpx
import pytest

from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.run_history import RunHistory
from tests import handed_on, processes

STAGES = PROJECT_ROOT / "tests" / "notebooks"
SUITE = "rules: [{expect: expect_column_to_exist, column: close, on_fail: block}]\n"
RUNS = int(os.environ.get("SENTINEL_RUNS", "15"))
WARM_UP_RUNS = 5
PATIENCE_SECONDS = 120

FAST = """
import sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from run_pipeline import leave
from sentinel_lib.records.request import RunRequest
from sentinel_lib.messages.terminal import PlainLines
from sentinel_lib.service.schedule_loop import until_signal
from sentinel_lib.service.serve import serve

began, noon = time.monotonic(), datetime(2024, 1, 3, 12, tzinfo=UTC)

def now():
    return noon + timedelta(minutes=time.monotonic() - began)

def wait(seconds, stop):
    until_signal(seconds / 60, stop)

request = RunRequest(config=Path(sys.argv[1]), force=True)
leave(serve(request, PlainLines(sys.stderr, with_cells=True), now, wait))
"""

RESIDENT = """
import gc, json, os, signal, sys, tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
import psutil
from run_pipeline import leave
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.records.request import RunRequest
from sentinel_lib.service.serve import serve

class Clock(Progress):
    moment, runs, measured = datetime(2024, 1, 3, 12, tzinfo=UTC), 0, 0

    def run_started(self, run_id, as_of, stages):
        self.runs += 1

clock = Clock()

def wait(seconds, stop):
    clock.moment += timedelta(seconds=seconds)
    if clock.runs > clock.measured:
        clock.measured = clock.runs
        measure()
    if clock.runs == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGTERM)

def measure():
    process = psutil.Process()
    children = process.children(recursive=True)
    found = {
        "rss": process.memory_info().rss,
        "children_rss": sum(child.memory_info().rss for child in children),
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "children": len(children),
        "files": len(list(Path(tempfile.gettempdir()).rglob("*"))),
        "cpu": process.cpu_times().user + process.cpu_times().system,
    }
    print(json.dumps(found), flush=True)

request = RunRequest(config=Path(sys.argv[1]), force=True)
leave(serve(request, clock, lambda: clock.moment, wait))
"""


FRESH = {"details": handed_on.monitored(AAPL="fresh")}
INGESTED = {"details": handed_on.details("ingest")}


class Service:
    """A project of its own, whose stages are tiny notebooks, and the service that runs it."""

    def __init__(self, folder):
        self.folder = folder
        self.history = RunHistory(folder / "data")
        for layer in ("bronze", "silver", "gold"):
            self.write(f"config/expectations/{layer}.yaml", f"table: {layer}.bars\n{SUITE}")
        self.write("config/assets.yaml", "start: 2024-01-01\nassets: {AAPL: {}}\n")
        self.says("ok", "passed")
        (folder / "tmp").mkdir()
        self.started = []

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def says(self, status, verdict):
        """What the stage ``validate`` will say; ``monitor`` finds everything fresh."""
        assets = {"AAPL": {"status": verdict}}
        said = {"status": status, "assets": assets, "details": handed_on.details("validate")}
        self.write(
            "data/said.json", json.dumps({"ingest": INGESTED, "validate": said, "monitor": FRESH})
        )
        (self.folder / "data" / "said.json").replace(self.folder / "data" / "says.json")

    def configure(self, schedule, **notebooks):
        """Make these the stages, each with a notebook of ``tests/notebooks``."""
        names = ("data", "reports", "logs", "notebooks")
        folders = "".join(f"{name}: {self.folder / name}\n" for name in names)
        blocks = "".join(f"  - {{name: {name}, notebook: 10_{name}.ipynb}}\n" for name in notebooks)
        text = f"{folders}stages:\n{blocks}{schedule}"
        self.write("config/pipeline.yaml", text)
        for name, template in notebooks.items():
            text = (STAGES / f"{template}.ipynb").read_text().replace("STAGE", name)
            self.write(f"notebooks/10_{name}.ipynb", text)

    def start(self, program, *arguments, patience=PATIENCE_SECONDS):
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "TMPDIR": str(self.folder / "tmp"),
        }
        process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        watchdog = threading.Timer(patience, process.kill)
        watchdog.start()
        self.started.append((process, watchdog))
        return process

    def start_fast(self):
        return self.start(["-c", FAST], str(self.folder / "config"))

    def stop_all(self):
        for process, watchdog in self.started:
            watchdog.cancel()
            process.kill()
            process.communicate()


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    yield made
    made.stop_all()


def read_until(process, words):
    """The lines of the service up to one that has ``words`` in it."""
    lines = []
    for line in process.stderr:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"'{words}' was never said:\n{''.join(lines)}")


def address_of(process):
    first = read_until(process, "health: ")[-1]
    return first.rpartition("health: ")[2].strip()


EVERY_SECOND = 'schedule: {cron: "* * * * *", health: null}\n'


def test_sigterm_in_a_run_lets_it_end_and_leaves_nothing(service):
    service.configure(EVERY_SECOND, validate="stage", monitor="stage")
    process = service.start_fast()

    read_until(process, "cell 1/")
    children = processes.children(process.pid)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]

    assert process.returncode == 0, said
    [record] = service.history.newest()
    assert (record.status, record.exit_code) == ("ok", 0)
    assert [stage.status for stage in record.stages] == ["ok", "ok"]
    assert Layout(service.history.data).served.exists()
    assert said.endswith("the service ends\n")
    assert children != []
    assert processes.gone(children)
    assert list((service.folder / "tmp").iterdir()) == []


def test_run_that_does_not_end_in_time_is_interrupted_and_leaves_nothing(service):
    schedule = 'schedule: {cron: "* * * * *", drain_seconds: 0.5, health: null}\n'
    service.configure(schedule, ingest="hangs", validate="stage")
    process = service.start_fast()

    read_until(process, "Check")
    children = processes.children(process.pid)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]

    assert process.returncode == 143, said
    assert time.monotonic() - began >= 0.5
    [record] = service.history.newest()
    assert (record.status, record.exit_code) == ("interrupted", 143)
    assert [stage.status for stage in record.stages] == ["failed", "skipped"]
    assert "stopped by SIGTERM" in record.stages[0].error
    assert processes.gone(children)
    assert list((service.folder / "tmp").iterdir()) == []


@pytest.mark.thorough
def test_run_that_was_interrupted_is_made_up_for_after_the_next_start(service):
    schedule = 'schedule: {cron: "* * * * *", drain_seconds: 0, health: null}\n'
    service.configure(schedule, ingest="hangs")
    first = service.start_fast()
    read_until(first, "Check")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    service.configure('schedule: {cron: "0 10 * * *", health: null}\n', ingest="stage")
    yesterday = next(service.history.newest())
    service.history.write_run(
        yesterday.model_copy(
            update={
                "run_id": "20240102T110000.000Z-0000",
                "started_at_utc": datetime(2024, 1, 2, 11, tzinfo=UTC),
                "status": "ok",
                "exit_code": 0,
            }
        )
    )

    second = service.start_fast()
    said = read_until(second, "[1/1] ingest ok")

    missed = "warning: missed: 1 run, due at 2024-01-03 10:00 UTC: made up for by one run now\n"
    assert missed in said


def test_healthz_tells_how_the_last_run_ended(service):
    schedule = 'schedule: {cron: "* * * * *", missed: skip, health: {port: 0}}\n'
    service.configure(schedule, validate="stage", monitor="stage")
    process = service.start_fast()
    address = address_of(process)

    with httpx.Client(trust_env=False, timeout=10) as client:
        before = client.get(address)
        read_until(process, "next run at")
        well = after_next_run(process, client, address)
        service.says("blocked", "blocked")
        after_next_run(process, client, address)
        failed = after_next_run(process, client, address)

    assert before.status_code == 200
    assert (well.status_code, well.json()["status"]) == (200, "ok")
    assert well.json()["next_run_at"] > well.json()["last_run"]["finished_at"]
    assert failed.status_code == 503
    last = failed.json()["last_run"]
    assert (last["status"], last["exit_code"]) == ("failed", 4)
    assert failed.json()["reason"] == f"run {last['run_id']} ended with exit code 4, see its report"


def after_next_run(process, client, address):
    read_until(process, "writing the reports")
    read_until(process, "next run at")
    return client.get(address)


@pytest.mark.thorough
def test_run_that_cannot_be_made_is_told_and_the_next_one_comes(service):
    schedule = 'schedule: {cron: "* * * * *", health: {port: 0}}\n'
    service.configure(schedule, validate="stage")
    process = service.start_fast()
    address = address_of(process)
    read_until(process, "[1/1] validate ok")

    service.write("config/assets.yaml", "start: 2024-01-01\nasets: {AAPL: {}}\n")
    said = read_until(process, "did you mean 'assets'?")
    with httpx.Client(trust_env=False, timeout=10) as client:
        failed = client.get(address)
    service.write("config/assets.yaml", "start: 2024-01-01\nassets: {AAPL: {}}\n")
    read_until(process, "[1/1] validate ok")

    assert said[-1].startswith("error: ")
    assert failed.status_code == 503
    assert failed.json()["last_run"]["exit_code"] == 3
    assert str(service.folder) not in failed.text


def test_command_waits_for_its_time_and_sigterm_ends_it_at_once_with_0(service):
    service.configure('schedule: {cron: "0 0 1 1 *", health: {port: 0}}\n', ingest="stage")
    command = [str(PROJECT_ROOT / "run_pipeline.py"), "serve"]
    process = service.start(command, "--config", str(service.folder / "config"))

    said = read_until(process, "next run at")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    printed, rest = process.communicate(timeout=60)

    assert process.returncode == 0, rest
    assert time.monotonic() - began < 60
    assert said[0].startswith("runs at '0 0 1 1 *' UTC; health: http://127.0.0.1:")
    assert (printed, rest) == ("", "the service ends\n")
    assert list(service.history.newest()) == []


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("", "schedule: this key is missing, and without it nothing says when to run"),
        ("schedule: {cron: 0 0 * * 8}\n", "pipeline.yaml:7: schedule.cron: day-of-week: '8'"),
    ],
)
def test_command_without_a_schedule_that_holds_ends_with_3(service, schedule, said):
    service.configure(schedule, ingest="stage")
    command = [str(PROJECT_ROOT / "run_pipeline.py"), "serve"]
    process = service.start(command, "--config", str(service.folder / "config"))

    rest = process.communicate(timeout=60)[1]

    assert process.returncode == 3
    assert said in rest


@pytest.mark.thorough
def test_resident_service_does_not_grow(service):
    service.configure(EVERY_SECOND, validate="stage", monitor="stage")

    arguments = (str(service.folder / "config"), str(RUNS))
    process = service.start(["-c", RESIDENT], *arguments, patience=120 + 10 * RUNS)
    printed, said = process.communicate()

    assert process.returncode == 0, said
    measured = [json.loads(line) for line in printed.splitlines()]
    warm, last = measured[WARM_UP_RUNS - 1], measured[-1]
    records = list(service.history.newest())
    assert len(measured) == len(records) == RUNS
    assert {record.exit_code for record in records} == {0}
    assert all(stage.was_executed for record in records for stage in record.stages)
    for name in ("descriptors", "threads", "children", "files"):
        assert last[name] == warm[name], name
    grown = (last["rss"] - warm["rss"]) / 2**20
    assert grown < 4 + 0.03 * (RUNS - WARM_UP_RUNS), f"{grown:.1f} MB in {RUNS} runs"
    assert last["children_rss"] < warm["children_rss"] * 1.05
