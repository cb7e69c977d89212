"""The history of runs: one line a run, the newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sentinel_lib.records.stage import NO_ASSET, UNENDED, RunRecord
from sentinel_lib.reporting import page
from sentinel_lib.reporting.run_report import INDEX
from sentinel_lib.storage import artifacts

MAX_RUNS = 500


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run, with a link to its report where there still is one (else empty)."""

    run: RunRecord
    link: str
    exit_code: int | None
    seconds: float
    promoted: int
    quarantined: int
    statuses: Sequence[tuple[str, int]]


def write_history(runs: Sequence[RunRecord], folder: Path) -> Path:
    """Write ``folder/index.html``, where ``folder`` holds one folder a run, and return its path."""
    newest_first = sorted(runs, key=lambda run: (run.started_at_utc, run.run_id), reverse=True)
    content = page.render(
        "history.html.j2",
        lines=page.excerpt([_line(run, folder) for run in newest_first], MAX_RUNS),
        statuses=sorted(Counter(run.status for run in runs).items()),
        promoted=sum(_rows(run, "promoted") for run in runs),
        quarantined=sum(_rows(run, "quarantined") for run in runs),
    )
    path = folder / INDEX
    artifacts.replace(path, content)
    return path


def _line(run: RunRecord, folder: Path) -> RunLine:
    has_report = (folder / run.run_id / INDEX).is_file()
    statuses = Counter(
        str(asset.get("status") or "unknown")
        for symbol, asset in run.assets.items()
        if symbol not in NO_ASSET
    )
    return RunLine(
        run=run,
        link=f"{quote(run.run_id, safe='')}/{INDEX}" if has_report else "",
        exit_code=None if run.status in UNENDED else run.exit_code,
        seconds=(run.finished_at_utc - run.started_at_utc).total_seconds(),
        promoted=_rows(run, "promoted"),
        quarantined=_rows(run, "quarantined"),
        statuses=sorted(statuses.items()),
    )


def _rows(run: RunRecord, name: str) -> int:
    return sum(int(asset.get(name) or 0) for asset in run.assets.values())
