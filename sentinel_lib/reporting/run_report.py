"""The report of one run: the verdict, then what it rests on."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sentinel_lib.records.stage import NO_ASSET, RunRecord, StageOutcome, StageRecord
from sentinel_lib.reporting import page
from sentinel_lib.reporting.asset_lines import ROW_COUNTS, asset_lines
from sentinel_lib.reporting.failure import failure_of
from sentinel_lib.storage import artifacts

_URGENCY = {"stale": 0, "late": 1, "unknown": 2, "paused": 3, "fresh": 4}


@dataclass(frozen=True, slots=True)
class StageLine:
    """A stage, with links to its executed notebook where there is one (else empty).

    Those of a stage that was skipped are in the folder of the run that executed it, whose report
    is ``produced_by``.
    """

    outcome: StageOutcome
    html: str
    notebook: str
    produced_by: str


def write_run_report(
    run: RunRecord,
    folder: Path,
    *,
    previous: RunRecord | None,
    aggregates_csv: str | None,
    freshness: Mapping[str, Any] | None,
) -> Path:
    """Write ``folder/index.html`` and return its path.

    ``previous`` is the last good run before this one; ``aggregates_csv`` is what is published in
    Gold, ``freshness`` what this run has judged, or None. Only executed notebooks that are already
    in ``folder`` are linked, so they come first.
    """
    records = [stage.record for stage in run.stages if stage.record]
    checks = [(record.stage, check) for record in records for check in record.checks]
    assets = asset_lines(run)
    gold = list(csv.reader(StringIO(aggregates_csv or "")))
    content = page.render(
        "run_report.html.j2",
        run=run,
        failure=failure_of(run),
        previous=previous if previous and previous.is_good else None,
        previous_link=_report_of(previous, folder) if previous else "",
        stages=[_stage_line(stage, folder) for stage in run.stages],
        assets=page.excerpt(assets),
        asset_count=sum(line.symbol not in NO_ASSET for line in assets),
        held_back=page.excerpt([line for line in assets if line.is_held_back]),
        totals={name: sum(getattr(line, name) for line in assets) for name in ROW_COUNTS},
        failed_checks=page.excerpt([line for line in checks if not line[1].passed]),
        passed_checks=page.excerpt([line for line in checks if line[1].passed]),
        quarantine=page.excerpt(_quarantine(records)),
        offending_rows=page.excerpt([row for record in records for row in record.offending_rows]),
        freshness=page.excerpt(_freshness(freshness)),
        gold_header=gold[0] if gold else (),
        gold=page.excerpt(gold[1:]),
        artifacts=[
            (record.stage, *item) for record in records for item in record.artifacts.items()
        ],
    )
    path = folder / page.INDEX
    artifacts.replace(path, content.encode())
    return path


def _stage_line(outcome: StageOutcome, folder: Path) -> StageLine:
    origin = outcome.produced_by and f"../{outcome.produced_by}/"
    return StageLine(
        outcome,
        html=_existing(folder, f"{origin}{outcome.name}.html"),
        notebook=_existing(folder, f"{origin}{outcome.name}.ipynb"),
        produced_by=_existing(folder, f"{origin}{page.INDEX}") if origin else "",
    )


def _existing(folder: Path, relative: str) -> str:
    return quote(relative) if (folder / relative).is_file() else ""


def _report_of(run: RunRecord, folder: Path) -> str:
    """The link to another run's report; asked of the parent, as ``folder`` may be new."""
    return f"../{link}" if (link := _existing(folder.parent, f"{run.run_id}/{page.INDEX}")) else ""


def _quarantine(records: Sequence[StageRecord]) -> list[tuple[str, str, int]]:
    """(stage, rule, rows), the rule that caught most first."""
    caught = [
        (record.stage, rule, rows) for record in records for rule, rows in record.quarantine.items()
    ]
    return sorted(caught, key=lambda line: (-line[2], line[0], line[1]))


def _freshness(freshness: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    """(symbol, what freshness.json says of it), what needs attention first."""
    assets: Mapping[str, Mapping[str, Any]] = (freshness or {}).get("assets", {})
    return sorted(
        assets.items(), key=lambda item: (_URGENCY.get(item[1].get("status", ""), -1), item[0])
    )
