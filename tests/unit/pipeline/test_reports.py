from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sentinel_lib.pipeline import reports
from sentinel_lib.planning import plan
from sentinel_lib.records.stage import RunRecord, RunStatus, StageOutcome
from sentinel_lib.settings.pipeline import Retention
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


def test_logs_and_reports_of_runs_from_long_ago_go_and_the_history_stays_whole(
    tmp_path: Path,
) -> None:
    project = tiny_project.make(tmp_path)
    made = plan.make(project.request(), tiny_project.NOW)
    made = replace(made, retention=Retention(logs="2d", reports="4d"))
    history = RunHistory(made.folders.data)
    runs = [recorded(number, "ok") for number in range(1, 9)]  # 8 days ago to yesterday
    made.folders.logs.mkdir(parents=True, exist_ok=True)
    for run in runs:
        history.write_run(run)
        (made.folders.logs / f"{run.run_id}.jsonl").touch()
        (made.folders.reports / run.run_id).mkdir(parents=True)
    (made.folders.logs / "service.jsonl").touch()
    (made.folders.reports / "20200101T000000.000Z-abcd").mkdir()  # of no run that is known here
    shown = StageOutcome(name="build_gold", status="skipped", produced_by=runs[0].run_id)

    reports.write(recorded(9, "ok").model_copy(update={"stages": [shown]}), made)

    logs = {path.stem for path in made.folders.logs.glob("*.jsonl")}
    folders = {path.name for path in made.folders.reports.iterdir() if path.is_dir()}
    names = [run.run_id for run in runs]
    assert logs & {*names, "service"} == {*names[-2:], "service"}
    assert folders & {*names} == {names[0], *names[-4:]}
    assert "20200101T000000.000Z-abcd" in folders
    page = (made.folders.reports / "index.html").read_text()
    assert all(name in page for name in names)


def test_nothing_goes_without_a_retention(tmp_path: Path) -> None:
    made = plan.make(tiny_project.make(tmp_path).request(), tiny_project.NOW)
    old = recorded(1, "ok")
    RunHistory(made.folders.data).write_run(old)
    (made.folders.reports / old.run_id).mkdir(parents=True)

    reports.retire(recorded(9, "ok"), replace(made, retention=Retention()))

    assert (made.folders.reports / old.run_id).is_dir()
