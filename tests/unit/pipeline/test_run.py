"""Runs with real kernels, few of them: each stage that executes costs about a second."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from sentinel_lib.notebook_runner.execution import Cell
from sentinel_lib.pipeline.interruption import Terminated
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.records.stage import RunRecord, StageOutcome
from tests import handed_on


class Heard(Progress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.finished: list[tuple[str, str]] = []

    def stage_started(self, stage: str) -> None:
        self.started.append(stage)

    def stage_finished(self, outcome: StageOutcome) -> None:
        self.finished.append((outcome.name, outcome.status))


class Stopping(Progress):
    """Stops the run when a stage begins its second cell."""

    def __init__(self, stop: KeyboardInterrupt) -> None:
        self.stop = stop

    def cell_started(self, stage: str, cell: Cell) -> None:
        if cell.number == 2:
            raise self.stop


@pytest.fixture(autouse=True)
def log_reset() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def statuses(record: RunRecord) -> dict[str, str]:
    return {stage.name: stage.status for stage in record.stages}


def test_degraded_run_promotes_the_rest_and_keeps_its_record_log_and_reports(
    project: Any,
) -> None:
    project.says(
        ingest={"assets": {"AAPL": {"rows_in": 3}, "MSFT": {"status": "unreachable"}}},
        validate={
            "status": "degraded",
            "assets": {"AAPL": {"rows_in": 3, "promoted": 2, "quarantined": 1}},
        },
        promote_silver={"assets": {"AAPL": {"rows_in": 2, "promoted": 2}}},
        monitor={"details": handed_on.monitored(AAPL="fresh", MSFT="stale")},
    )
    heard = Heard()

    record = project.run(heard, command="python run_pipeline.py")

    assert (record.exit_code, record.status) == (8, "degraded")
    assert record.conditions == ["degraded", "freshness"]
    assert record.assets["AAPL"].promoted == 2
    assert record.assets["MSFT"].status == "unreachable"
    assert heard.started == ["ingest", "validate", "promote_silver", "monitor"]
    assert heard.finished[1] == ("validate", "degraded")
    assert list(project.history.newest()) == [record]
    assert record.report == str(project.folder / "reports" / record.run_id / "index.html")
    assert {
        "reports/index.html",
        f"reports/{record.run_id}/index.html",
        f"reports/{record.run_id}/validate.html",
        f"reports/{record.run_id}/validate.ipynb",
        f"logs/{record.run_id}.jsonl",
    } <= set(project.created())
    log = (project.folder / "logs" / f"{record.run_id}.jsonl").read_text().splitlines()
    assert {json.loads(line)["run_id"] for line in log} == {record.run_id}


def test_blocked_gate_skips_the_later_stages_but_not_the_one_that_always_runs(
    project: Any,
) -> None:
    project.stages("validate", "promote_silver", "monitor")
    refused = {"AAPL": {"status": "blocked"}, "MSFT": {"status": "blocked"}}
    project.says(validate={"status": "blocked", "assets": refused})

    record = project.run()

    assert statuses(record) == {
        "validate": "blocked",
        "promote_silver": "skipped",
        "monitor": "ok",
    }
    assert (record.exit_code, record.status) == (4, "failed")
    assert record.stages[0].error.startswith("AAPL: no row survived")
    assert record.stages[0].record is not None


def test_monitor_that_records_no_freshness_fails_the_run_until_it_does(project: Any) -> None:
    project.stages("validate", "monitor")
    passed = {"assets": {"AAPL": {}, "MSFT": {}}}
    project.says(validate=passed, monitor={"details": handed_on.IN_EFFECT})

    silent = project.run(fail_on="never")
    project.says(validate=passed)
    mended = project.run(fail_on="never")

    assert (silent.exit_code, statuses(silent)) == (1, {"validate": "ok", "monitor": "failed"})
    assert "stage 'monitor': its record lacks what" in silent.stages[1].error
    assert "observed: missing or malformed: freshness, quiet_until" in silent.stages[1].error
    assert (mended.exit_code, statuses(mended)) == (0, {"validate": "skipped", "monitor": "ok"})


def test_stage_that_writes_no_record_fails_the_run(project: Any) -> None:
    project.stages("ingest", "validate", ingest="says_nothing")

    record = project.run()

    assert statuses(record) == {"ingest": "failed", "validate": "skipped"}
    assert record.exit_code == 1
    assert "stage record missing" in record.stages[0].error


def test_report_that_cannot_be_written_does_not_hide_how_the_run_ended(project: Any) -> None:
    project.stages("validate", "monitor")
    project.says(validate={"assets": {"AAPL": {}, "MSFT": {}}})
    (project.folder / "reports" / "index.html").mkdir(parents=True)

    record = project.run()

    assert statuses(record) == {"validate": "ok", "monitor": "ok"}
    assert (record.exit_code, record.conditions) == (1, ["report_not_written"])
    assert record.report == ""
    assert list(project.history.newest()) == [record]


def test_notebook_that_cannot_be_shown_costs_its_own_page_alone(project: Any) -> None:
    project.stages("validate", "monitor")
    project.says(validate={"assets": {"AAPL": {}, "MSFT": {}}})
    project.edit("validate", "`validate` stands", "![](attachment:missing.png)`validate` stands")

    record = project.run()

    folder = project.folder / "reports" / record.run_id
    page = (folder / "validate.html").read_text()
    assert (record.exit_code, record.conditions) == (0, [])
    assert "could not be rendered as a page" in page
    assert "missing attachment: missing.png" in page
    assert '<a href="validate.ipynb">' in page
    assert "cell-id=" in (folder / "monitor.html").read_text()
    assert (folder / "index.html").is_file()
    assert record.run_id in (project.folder / "reports" / "index.html").read_text()


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 143)])
def test_stopped_run_skips_the_rest_and_keeps_its_record(
    project: Any, stop: KeyboardInterrupt, code: int
) -> None:
    record = project.run(Stopping(stop))

    assert statuses(record) == {
        "ingest": "failed",
        "validate": "skipped",
        "promote_silver": "skipped",
        "monitor": "skipped",
    }
    assert (record.exit_code, record.status) == (code, "interrupted")
    assert list(project.history.newest()) == [record]
    assert (project.folder / "reports" / record.run_id / "ingest.html").is_file()


def test_reports_folder_that_cannot_be_written_is_in_the_record_of_the_run(project: Any) -> None:
    project.stages("ingest", "monitor")
    (project.folder / "reports").write_text("a file where the folder should be")

    record = project.run()

    assert statuses(record) == {"ingest": "failed", "monitor": "failed"}
    assert record.stages[0].error_name == "StorageError"
    assert "could not be written to" in record.stages[0].error
    assert "fix the permissions of the reports folder" in record.stages[0].error
    assert record.exit_code == 1
