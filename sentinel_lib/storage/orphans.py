"""What writers left in the tables that were killed, or that ran out of room."""

from __future__ import annotations

import json
from pathlib import Path

from sentinel_lib.storage.layout import DELTA_LOG, Layout
from sentinel_lib.storage.table_versions import table_names
from sentinel_lib.storage.tables import Lake


def remove_orphans(lake: Lake) -> int:
    """Remove the files of all tables that no commit names; how many there were.

    Only for the one writer, before it writes: a file being written is not named yet either.
    """
    orphans = [path for name in table_names(lake.root) for path in _orphans(lake, name)]
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def _orphans(lake: Lake, name: str) -> list[Path]:
    folder = lake.path(name)
    named = {Path(file).name for file in Lake(lake.root, is_checked=False).files(name)}
    for commit in Layout(lake.root).delta_log(name).glob("*.json"):
        for line in commit.read_text(encoding="utf-8").splitlines():
            for action in json.loads(line).values():
                named.add(Path(str(action.get("path", ""))).name)
    unnamed = [path for path in folder.glob("*.parquet*") if path.name not in named]
    return [*unnamed, *folder.glob(f"{DELTA_LOG}/*.tmp")]
