"""Which version of each table a run left behind."""

from __future__ import annotations

from pathlib import Path

from sentinel_lib.errors import UsageError, nearest
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake, PublishedCommit


def commit_after(lake: Lake, table: str, run_id: str) -> PublishedCommit | None:
    """The commit of ``table`` that was the newest when run ``run_id`` had ended.

    Ids sort by when runs started, and runs do not overlap. None: there was no table yet.
    """
    return next((one for one in reversed(lake.commits(table)) if one.run_id <= run_id), None)


def version_after(lake: Lake, table: str, run_id: str) -> int | None:
    """The version of that commit."""
    commit = commit_after(lake, table, run_id)
    return None if commit is None else commit.version


def known_run(data: Path, run_id: str | None) -> str:
    """``run_id`` if there is such a run (a beginning that only one has will do), or the last one.

    Raises ``UsageError`` that lists what there is.
    """
    ids = RunHistory(data).run_ids()
    if not ids:
        raise UsageError(f"there is no run in {data} yet", next_step="make run")
    if run_id is None:
        return ids[0]
    found = [one for one in ids if one == run_id] or [one for one in ids if one.startswith(run_id)]
    if len(found) != 1:
        problem = "names more than one run" if found else "is no run"
        raise UsageError(
            f"'{run_id}' {problem} of {data}{nearest(run_id, ids) if not found else ''}",
            expected=f"one of {', '.join((found or ids)[:5])}",
            next_step="python run_pipeline.py history",
        )
    return found[0]
