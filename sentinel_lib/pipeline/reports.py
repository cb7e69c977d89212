"""The pages of a run: every executed notebook, the report, the history."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sentinel_lib.pipeline.plan import Plan
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.storage.run_history import RunHistory


class NotebookPages:
    """Executed notebooks become HTML one after the other, while the next stages run."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="pages")
        self._pages: list[Future[None]] = []

    def add(self, stage: str) -> None:
        """Begin the page of ``stage``, if its notebook was kept."""
        executed = self._plan.report_folder / f"{stage}.ipynb"
        if executed.exists():
            title = f"{stage} · {self._plan.run_id}"
            self._pages.append(self._threads.submit(_render, executed, title))

    def finish(self) -> None:
        """Wait for them all; raises what went wrong with one."""
        self._threads.shutdown()
        for page in self._pages:
            page.result()


def write(record: RunRecord, plan: Plan) -> Path:
    """Write the report and the history; the path of the report."""
    from sentinel_lib import reporting

    runs = RunHistory(plan.folders.data).runs()
    earlier = [run for run in runs if run.run_id != record.run_id]
    gold = plan.folders.data / "gold"
    report = reporting.write_run_report(
        record,
        plan.report_folder,
        previous=earlier[0] if earlier else None,
        aggregates_csv=_text(gold / "aggregates.csv"),
        freshness=_json(gold / "freshness.json"),
    )
    reporting.write_history([record, *earlier], plan.folders.reports)
    return report


def _render(executed: Path, title: str) -> None:
    from sentinel_lib import reporting

    reporting.render_notebook(executed, executed.with_suffix(".html"), title=title)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _json(path: Path) -> dict[str, Any] | None:
    text = _text(path)
    return None if text is None else json.loads(text)
