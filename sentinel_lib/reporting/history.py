"""The history of runs: one line a run, the newest first."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sentinel_lib.records.stage import NO_ASSET, RunRecord
from sentinel_lib.reporting import page
from sentinel_lib.storage import artifacts

MAX_RUNS = 500


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run, with a link to its report where there still is one (else empty)."""

    run: RunRecord
    link: str
    statuses: Sequence[tuple[str, int]]
    is_undone: bool


def write_history(
    runs: Sequence[RunRecord], folder: Path, undone: Collection[str] = frozenset()
) -> Path:
    """Write ``folder/index.html``, where ``folder`` holds one folder a run, and return its path.

    What the runs in ``undone`` had published was taken back since: the totals leave them out.
    """
    standing = [run for run in runs if run.run_id not in undone]
    newest_first = sorted(runs, key=lambda run: (run.started_at_utc, run.run_id), reverse=True)
    content = page.render(
        "history.html.j2",
        lines=page.excerpt([_line(run, folder, undone) for run in newest_first], MAX_RUNS),
        statuses=sorted(Counter(run.outcome for run in runs).items()),
        promoted=sum(run.rows("promoted") for run in standing),
        quarantined=sum(run.rows("quarantined") for run in standing),
        undone=len(runs) - len(standing),
    )
    path = folder / page.INDEX
    artifacts.replace(path, content.encode())
    return path


def _line(run: RunRecord, folder: Path, undone: Collection[str]) -> RunLine:
    has_report = (folder / run.run_id / page.INDEX).is_file()
    statuses = Counter(
        asset.status for symbol, asset in run.assets.items() if symbol not in NO_ASSET
    )
    return RunLine(
        run=run,
        link=f"{quote(run.run_id, safe='')}/{page.INDEX}" if has_report else "",
        statuses=sorted(statuses.items()),
        is_undone=run.run_id in undone,
    )
