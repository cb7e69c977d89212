"""The upkeep of tables: small files put together, and files that nothing needs any more removed.

Only for the one writer. Readers see the same rows before and after, and at any moment between.
"""

import json
import math
import re
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from sentinel_lib.records.roles import SILVER_BARS
from sentinel_lib.storage.catalog import CATALOG
from sentinel_lib.storage.changes import typed
from sentinel_lib.storage.data_files import Part
from sentinel_lib.storage.delta_log import DeltaLog, changing, opened
from sentinel_lib.storage.layout import DELTA_LOG, table_names
from sentinel_lib.storage.tables import Lake

FILES_OF_A_SIZE = 16
"""A table has fewer small files of about one size; so a row is written again four times at most."""
LARGE_ROWS = FILES_OF_A_SIZE**4

_LOGGED = re.compile(r"(\d{20})\.(?:json|checkpoint.*)")


def compact(lake: Lake, name: str) -> int:
    """Put small files of about one size together, where there are many; how many there were.

    The new file counts as of the version of its newest rows, and the commit says what the one
    before it said. Raises ``StorageError`` if a file is damaged or the table cannot be written.
    """
    together = _together(lake.parts(name))
    if together:
        rows = pa.concat_tables(lake.read_part(name, part) for part in together)
        key = CATALOG[name].key if name in CATALOG else rows.column_names[:1]
        ordered = rows.sort_by([(column, "ascending") for column in key])
        with changing(name):
            log = opened(lake.root, name)
            log.put_together(together, typed(log, ordered))
    return len(together)


def retire(lake: Lake, name: str, since: datetime) -> int:
    """Remove the files that only versions from before ``since`` need; how many.

    What stood at ``since`` stays, and all that was published after it by ``as_of``. Raises
    ``StorageError`` if the table cannot be read or a file not be removed.
    """
    with changing(name):
        log = opened(lake.root, name)
        oldest = _oldest_kept(log, since)
        needed = {path.name for path in log.files()} | _removed_after(log, oldest)
        files = [path for path in log.folder.glob("*.parquet") if path.name not in needed]
        for path in files:
            path.unlink()
        if name != SILVER_BARS:  # a rebuild asks its log which killed runs had published
            _shorten(log.folder / DELTA_LOG, oldest)
    return len(files)


def link(lake: Lake, name: str, other: Lake) -> None:
    """Make ``other`` have this table as it is now, by links to its files and without history.

    Raises ``StorageError`` if a file is damaged or cannot be given another name.
    """
    files = lake.checked(name, lake.parts(name))
    with changing(name):
        opened(other.root, name).begin_with(opened(lake.root, name), list(map(Path, files)))


def forget_history(lake: Lake, name: str) -> None:
    """Remove the files of a scratch table that its newest version does not need."""
    with changing(name):
        log = opened(lake.root, name)
        for path in set(log.folder.glob("*.parquet")) - set(log.files()):
            path.unlink()


def remove_orphans(root: Path) -> int:
    """Remove the files of all tables that no commit names (left by killed writers); how many.

    Only for the one writer, before it writes: a file being written is not named yet either.
    """
    orphans = [path for name in table_names(root) for path in _orphans(opened(root, name))]
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def _orphans(log: DeltaLog) -> list[Path]:
    named = {path.name for path in log.files()}
    for commit in log.folder.glob(f"{DELTA_LOG}/*.json"):
        for line in commit.read_text(encoding="utf-8").splitlines():
            for action in json.loads(line).values():
                named.add(Path(str(action.get("path", ""))).name)
    unnamed = [path for path in log.folder.glob("*.parquet*") if path.name not in named]
    return [*unnamed, *log.folder.glob(f"{DELTA_LOG}/*.tmp")]


def _together(parts: list[Part]) -> list[Part]:
    """The files to put together: of each size of which there are many."""
    sizes = defaultdict[int, list[Part]](list)
    for part in parts:
        rows = part.statistics["num_records"] or 0
        if rows < LARGE_ROWS:
            sizes[int(math.log(max(rows, 1), FILES_OF_A_SIZE))].append(part)
    many = (alike for alike in sizes.values() if len(alike) >= FILES_OF_A_SIZE)
    return [part for alike in many for part in alike]


def _oldest_kept(log: DeltaLog, since: datetime) -> int:
    """The version that stood at ``since``. (A rollback goes back in time, and what follows it.)"""
    commits = log.commits()
    after = next((commit.version for commit in commits if commit.as_of > since), log.version + 1)
    return max([commit.version for commit in commits if commit.version < after], default=after)


def _removed_after(log: DeltaLog, version: int) -> set[str]:
    """The names of files that commits after ``version`` took out, so that it needs them."""
    actions = (
        json.loads(line)
        for later in range(version + 1, log.version + 1)
        for line in log.commit_file(later).read_text(encoding="utf-8").splitlines()
    )
    return {Path(action["remove"]["path"]).name for action in actions if "remove" in action}


def _shorten(folder: Path, oldest: int) -> None:
    """Remove what the log says of versions before the last checkpoint that ``oldest`` needs."""
    checkpoints = (_LOGGED.fullmatch(path.name) for path in folder.glob("*.checkpoint*.parquet"))
    versions = [int(name[1]) for name in checkpoints if name and int(name[1]) <= oldest]
    for path in folder.iterdir() if versions else ():
        named = _LOGGED.fullmatch(path.name)
        if named and int(named[1]) < max(versions):
            path.unlink()
