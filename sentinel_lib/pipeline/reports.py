"""The pages of a run: every executed notebook, the report, the history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sentinel_lib.pipeline.plan import Plan
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.storage.run_history import RunHistory


def write(record: RunRecord, plan: Plan) -> Path:
    """Write them all; the path of the run's report."""
    from sentinel_lib import reporting

    for outcome in record.stages:
        executed = plan.report_folder / f"{outcome.name}.ipynb"
        if executed.exists():
            title = f"{outcome.name} · {record.run_id}"
            reporting.render_notebook(executed, executed.with_suffix(".html"), title=title)
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


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _json(path: Path) -> dict[str, Any] | None:
    text = _text(path)
    return None if text is None else json.loads(text)
