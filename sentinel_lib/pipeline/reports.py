"""The pages of a run: every executed notebook, the report, the history."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread

from sentinel_lib import clock
from sentinel_lib.errors import SentinelError
from sentinel_lib.logger import log
from sentinel_lib.planning.plan import Plan
from sentinel_lib.records.roles import MONITOR
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.run_history import RunHistory, began

LOOK_SECONDS = 0.05
"""How often it is asked whether the run was stopped."""


class NotebookPages:
    """Executed notebooks become HTML one after the other, while the next stages run.

    In place of a page that cannot be made stands one that says why; what is written first stays.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._waiting: SimpleQueue[Path | None] = SimpleQueue()
        self._unwritten: list[Path] = []
        self._writing = Lock()
        # A daemon: who stops a run does not wait for its pages.
        self._thread = Thread(target=self._make, name="pages", daemon=True)

    def add(self, stage: str) -> None:
        """Begin the page of ``stage``, if its notebook was kept."""
        executed = self._plan.report_folder / f"{stage}.ipynb"
        if executed.exists():
            self._unwritten.append(executed)
            self._waiting.put(executed)
            if not self._thread.is_alive():
                self._thread.start()

    def finish(self, is_stopped: Callable[[], bool]) -> None:
        """Wait for them all, or until the run ``is_stopped``: those that are missing say that."""
        self._waiting.put(None)
        while self._thread.is_alive() and not is_stopped():
            self._thread.join(LOOK_SECONDS)
        for executed in list(self._unwritten):
            self._give_up(executed, "The run was stopped before its pages were made.")

    def _make(self) -> None:
        from sentinel_lib.reporting.notebook_page import render_notebook

        for executed in iter(self._waiting.get, None):
            if executed not in self._unwritten:
                continue
            try:
                page = render_notebook(executed, title=self._title(executed))
                self._write(executed, page)
            except Exception as failed:
                log().error("the page of a notebook could not be made", exc_info=True)
                self._give_up(executed, f"It could not be made: {failed}")

    def _give_up(self, executed: Path, why: str) -> None:
        from sentinel_lib.reporting.notebook_page import render_substitute

        try:
            page = render_substitute(executed, title=self._title(executed), why=why)
            self._write(executed, page)
        except SentinelError:
            log().error("the page of a notebook could not be written", exc_info=True)

    def _write(self, executed: Path, page: bytes) -> None:
        with self._writing:
            if executed in self._unwritten:
                self._unwritten.remove(executed)
                artifacts.replace(executed.with_suffix(".html"), page)

    def _title(self, executed: Path) -> str:
        return f"{executed.stem} · {self._plan.run_id}"


def write(record: RunRecord, plan: Plan) -> Path:
    """Write the report and the history, without what is no longer kept; the path of the report."""
    from sentinel_lib.reporting.history import write_history
    from sentinel_lib.reporting.run_report import write_run_report

    earlier = [run for run in RunHistory(plan.folders.data).runs() if run.run_id != record.run_id]
    undone = RunHistory(plan.folders.data).undone()
    is_judged = any(stage.name == MONITOR and stage.record for stage in record.stages)
    published = Layout(plan.folders.data)
    freshness = _text(published.freshness)
    report = write_run_report(
        record,
        plan.report_folder,
        previous=next((run for run in earlier if run.is_good and run.run_id not in undone), None),
        aggregates_csv=_text(published.aggregates),
        freshness=json.loads(freshness) if is_judged and freshness else None,
    )
    retire(record, plan)
    write_history([record, *earlier], plan.folders.reports, undone)
    return report


def retire(record: RunRecord, plan: Plan) -> None:
    """Remove the logs and report folders of runs that began longer ago than they are kept.

    The reports of runs whose stages ``record`` shows stay, and what no run of this data folder has
    left is not touched.
    """
    shown = {plan.run_id, *(stage.produced_by for stage in record.stages)}
    kept = [
        plan.started_at - clock.duration(keep) if keep else datetime.min.replace(tzinfo=UTC)
        for keep in (plan.retention.logs, plan.retention.reports)
    ]
    for run_id in RunHistory(plan.folders.data).run_ids():
        logs_go, report_goes = ((began(run_id) or plan.started_at) < since for since in kept)
        folder = plan.folders.reports / run_id
        try:
            if logs_go:
                (plan.folders.logs / f"{run_id}.jsonl").unlink(missing_ok=True)
            if report_goes and run_id not in shown and folder.is_dir():
                shutil.rmtree(folder)
        except OSError:  # it is tried again by the next run
            log().warning("what an old run left could not be removed", of_run=run_id, exc_info=True)


def write_index(data: Path, reports: Path) -> None:
    """Write the history alone, after a command other than a run."""
    from sentinel_lib.reporting.history import write_history

    write_history(list(RunHistory(data).runs()), reports, RunHistory(data).undone())


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
