"""What the whole command tells Sentry, in every way in which it may end."""

import json
import os
import signal
import subprocess
import sys

import pytest

from sentinel_lib.settings.project import PROJECT_ROOT
from tests import handed_on
from tests.sentry_ingest import KEY, ingest, silent_dsn

pytestmark = pytest.mark.thorough

CANARY = "hunter2-canary-hunter2"
STAGES = PROJECT_ROOT / "tests" / "notebooks"
SUITE = "rules: [{expect: expect_column_to_exist, column: close, on_fail: block}]\n"


@pytest.fixture
def sentry():
    with ingest() as server:
        yield server


class Command:
    """A project of its own, whose stages are tiny notebooks, and the command that runs it."""

    def __init__(self, folder):
        self.folder = folder
        for layer in ("bronze", "silver", "gold"):
            self.write(f"config/expectations/{layer}.yaml", f"table: {layer}.bars\n{SUITE}")
        self.write("config/assets.yaml", "start: 2024-01-01\nassets: {AAPL: {}}\n")
        fresh = {"details": handed_on.monitored(AAPL="fresh")}
        details = handed_on.details("validate")
        passed = {"assets": {"AAPL": {"status": "passed"}}, "details": details}
        said = {"validate": passed, "monitor": fresh}
        self.write("data/says.json", json.dumps(said))

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def stages(self, **notebooks):
        """Make these the stages, each with a notebook of ``tests/notebooks``."""
        names = ("data", "reports", "logs", "notebooks")
        folders = "".join(f"{name}: {self.folder / name}\n" for name in names)
        blocks = "".join(f"  - {{name: {name}, notebook: 10_{name}.ipynb}}\n" for name in notebooks)
        self.write("config/pipeline.yaml", f"{folders}stages:\n{blocks}")
        for name, template in notebooks.items():
            text = (STAGES / f"{template}.ipynb").read_text().replace("STAGE", name)
            self.write(f"notebooks/10_{name}.ipynb", text)

    def start(self, dsn, *arguments):
        """Start the command, in an environment that has the secrets and little else."""
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "ENVIRONMENT": "ci",
            "SENTRY_DSN": dsn,
            "SENTRY_RELEASE": "dataflow-sentinel@1.2.3",
            "SENTRY_MONITOR_SLUG": "daily-run",
            "NOTIFY_URLS": f"json://robot:{CANARY}@127.0.0.1:1/in",
        }
        script = str(PROJECT_ROOT / "run_pipeline.py")
        config = ["--config", str(self.folder / "config"), "--as-of", "2024-01-03", "--no-fork"]
        return subprocess.Popen(
            [sys.executable, script, "run", *config, *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, dsn):
        """The exit code, and everything that was printed."""
        process = self.start(dsn)
        printed, complained = process.communicate(timeout=120)
        return process.returncode, printed + complained


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path)


def only_event(sentry):
    assert len(sentry.of("transaction")) == 1
    assert [one["status"] for one in sentry.of("check_in")] == ["in_progress", "error"]
    assert_no_secrets(sentry)
    [event] = sentry.of("event")
    assert (event["environment"], event["release"]) == ("ci", "dataflow-sentinel@1.2.3")
    return event


def assert_no_secrets(sentry):
    for envelope in sentry.raw:
        assert CANARY not in envelope
        assert KEY not in envelope


def title(event):
    return event["exception"]["values"][-1]["type"], event["exception"]["values"][-1]["value"]


def test_healthy_run_sends_one_transaction_and_two_check_ins_and_nothing_else(command, sentry):
    command.stages(validate="stage", monitor="stage")

    code, printed = command.run(sentry.dsn)

    assert code == 0, printed
    assert sorted(kind for kind, _ in sentry.items) == ["check_in", "check_in", "transaction"]
    [transaction] = sentry.of("transaction")
    assert [span["description"] for span in transaction["spans"]] == ["validate", "monitor"]
    assert [one["status"] for one in sentry.of("check_in")] == ["in_progress", "ok"]
    assert transaction["environment"] == "ci"
    assert_no_secrets(sentry)


def test_error_in_a_cell_is_one_event_with_its_place_and_stack(command, sentry):
    command.stages(ingest="raises")
    notebook = command.folder / "notebooks" / "10_ingest.ipynb"
    secret = f"AAPL: a price of None, {CANARY}"
    notebook.write_text(notebook.read_text().replace("a price of None", secret))

    code, printed = command.run(sentry.dsn)

    assert code == 1, printed
    event = only_event(sentry)
    [error] = event["exception"]["values"]
    assert title(event) == ("ValueError", "ingest: AAPL: a price of None, (secret:NOTIFY_URLS)")
    assert error["stacktrace"]["frames"][-1]["context_line"].startswith("raise ValueError(")
    assert error["stacktrace"]["frames"][-1]["filename"] == "10_ingest.ipynb"
    assert event["tags"]["cell"].startswith('In [3] under "Check"')
    assert {name: event["tags"][name] for name in ("stage", "notebook", "asset")} == {
        "stage": "ingest",
        "notebook": "10_ingest.ipynb",
        "asset": "AAPL",
    }
    assert event["tags"]["run_id"] in printed


def test_blocked_gate_is_one_event(command, sentry):
    command.stages(validate="stage")
    command.write(
        "data/says.json",
        '{"validate": {"status": "blocked", "assets": {"AAPL": {"status": "blocked"}}}}',
    )

    code, printed = command.run(sentry.dsn)

    assert code == 4, printed
    event = only_event(sentry)
    assert title(event)[0] == "GateBlocked"
    assert title(event)[1].startswith("validate: AAPL: no row survived")
    assert (event["level"], event["fingerprint"]) == ("error", ["gate blocked", "validate"])
    assert event["tags"]["asset"] == "AAPL"


def test_killed_kernel_is_one_event(command, sentry):
    command.stages(ingest="kills_kernel")

    code, printed = command.run(sentry.dsn)

    assert code == 1, printed
    event = only_event(sentry)
    assert title(event)[0] == "DeadKernelError"
    assert "SIGKILL" in title(event)[1]
    assert event["level"] == "fatal"


def test_pipeline_that_cannot_read_its_own_history_is_one_event(command, sentry):
    command.stages(ingest="stage")
    command.write("data/ops/runs/20240101T000000.000Z-dead/run.json", "{ torn")

    code, printed = command.run(sentry.dsn)

    assert code == 1, printed
    [event] = sentry.of("event")
    assert title(event)[0] == "StorageError"
    assert "is not a record that this version can read" in title(event)[1]
    assert event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert_no_secrets(sentry)


def test_sigterm_in_a_cell_is_one_event_that_is_sent_before_the_command_ends(command, sentry):
    command.stages(ingest="hangs")
    process = command.start(sentry.dsn, "--verbose")

    for line in process.stderr:
        if "Check" in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)

    assert process.returncode == 143
    event = only_event(sentry)
    assert title(event) == ("Terminated", "ingest: stopped by SIGTERM")
    assert event["level"] == "warning"


def test_sentry_that_never_answers_changes_nothing_but_a_line_in_the_log(command):
    command.stages(validate="stage", monitor="stage")

    with silent_dsn() as dsn:
        code, printed = command.run(dsn)

    assert code == 0, printed
    assert "Sentry" not in printed
    [log_file] = (command.folder / "logs").glob("2*.jsonl")
    assert "Sentry did not get everything" in log_file.read_text()
    assert (command.folder / "reports" / "index.html").exists()
