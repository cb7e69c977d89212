"""The pages of a run: every executed notebook, the report, the history."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread

from sentinel_lib.errors import SentinelError
from sentinel_lib.logger import log
from sentinel_lib.planning.plan import Plan
from sentinel_lib.records.roles import MONITOR
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.unended import all_runs

LOOK_SECONDS = 0.05
"""How often it is asked whether the run was stopped."""


class NotebookPages:
    """Executed notebooks become HTML one after the other, while the next stages run.

    In place of a page that cannot be made stands one that says why.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._waiting: SimpleQueue[_Page | None] = SimpleQueue()
        self._pages: list[_Page] = []
        # A daemon: who stops a run does not wait for its pages.
        self._thread = Thread(target=self._make, name="pages", daemon=True)

    def add(self, stage: str) -> None:
        """Begin the page of ``stage``, if its notebook was kept."""
        executed = self._plan.report_folder / f"{stage}.ipynb"
        if not executed.exists():
            return
        if not self._pages:
            self._thread.start()
        page = _Page(executed, f"{stage} · {self._plan.run_id}")
        self._pages.append(page)
        self._waiting.put(page)

    def finish(self, is_stopped: Callable[[], bool]) -> None:
        """Wait for them all, or until the run ``is_stopped``: those that are missing say that."""
        self._waiting.put(None)
        for page in self._pages:
            while not (is_stopped() or page.is_made.wait(LOOK_SECONDS)):
                pass
        for page in self._pages:
            page.give_up("The run was stopped before its pages were made.")

    def _make(self) -> None:
        for page in iter(self._waiting.get, None):
            page.make()


@dataclass(frozen=True)
class _Page:
    """The page of one executed notebook; what is written first stays."""

    executed: Path
    title: str
    is_made: Event = field(default_factory=Event)
    writing: Lock = field(default_factory=Lock)

    def make(self) -> None:
        """Render it, or a page that says why it could not be."""
        from sentinel_lib.reporting.notebook_page import render_notebook

        if self.is_made.is_set():
            return
        try:
            self._write(render_notebook(self.executed, title=self.title))
        except Exception as failed:
            log().error("the page of a notebook could not be made", exc_info=True)
            self.give_up(f"It could not be made: {failed}")

    def give_up(self, why: str) -> None:
        """Write a page that says ``why`` there is no other."""
        from sentinel_lib.reporting.notebook_page import render_substitute

        try:
            self._write(render_substitute(self.executed, title=self.title, why=why))
        except SentinelError:
            log().error("the page of a notebook could not be written", exc_info=True)
            self.is_made.set()

    def _write(self, content: bytes) -> None:
        with self.writing:
            if not self.is_made.is_set():
                artifacts.replace(self.executed.with_suffix(".html"), content)
                self.is_made.set()


def write(record: RunRecord, plan: Plan) -> Path:
    """Write the report and the history; the path of the report."""
    from sentinel_lib.reporting.history import write_history
    from sentinel_lib.reporting.run_report import write_run_report

    earlier = [run for run in all_runs(plan.folders.data) if run.run_id != record.run_id]
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
    write_history([record, *earlier], plan.folders.reports, undone)
    return report


def write_index(data: Path, reports: Path) -> None:
    """Write the history alone, after a command other than a run."""
    from sentinel_lib.reporting.history import write_history

    write_history(list(all_runs(data)), reports, RunHistory(data).undone())


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
