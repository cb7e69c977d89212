from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from sentinel_lib.pipeline import reports
from sentinel_lib.planning import plan
from sentinel_lib.records.stage import RunRecord, RunStatus
from sentinel_lib.storage.run_history import RunHistory
from tests import tiny_project


def recorded(number: int, status: RunStatus) -> RunRecord:
    moment = tiny_project.NOW - timedelta(days=9 - number)
    return RunRecord(
        run_id=f"{moment:%Y%m%dT%H%M%S}.000Z-000{number}",
        as_of=moment,
        started_at_utc=moment,
        finished_at_utc=moment,
        status=status,
        exit_code=0 if status == "ok" else 1,
    )


def test_report_of_a_second_failure_in_a_row_names_the_run_before_both(tmp_path: Path) -> None:
    made = plan.make(tiny_project.make(tmp_path).request(), tiny_project.NOW)
    history = RunHistory(made.folders.data)
    good, stopped, failed = recorded(1, "ok"), recorded(2, "interrupted"), recorded(3, "failed")
    for record in (good, stopped, failed):
        history.write_run(record)

    report = reports.write(recorded(4, "failed"), made).read_text()

    card = report.partition("Last good run")[2].partition("</dl>")[0]
    assert good.run_id in card
    assert not any(run.run_id in card for run in (stopped, failed))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")
def test_stopped_run_does_not_wait_for_its_pages(tmp_path: Path) -> None:
    made = plan.make(tiny_project.make(tmp_path).request(), tiny_project.NOW)
    made.report_folder.mkdir(parents=True)
    executed = made.report_folder / "ingest.ipynb"
    os.mkfifo(executed)  # whoever reads it waits until somebody writes
    pages = reports.NotebookPages(made)
    pages.add("ingest")

    pages.finish(lambda: True)

    page = executed.with_suffix(".html")
    assert "The run was stopped before its pages were made." in page.read_text()
    executed.write_text("{}")
    assert "The run was stopped" in page.read_text()
