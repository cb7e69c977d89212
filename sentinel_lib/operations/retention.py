"""What may go: files of tables that no kept run needs, and what killed runs left behind."""

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sentinel_lib.operations.results import Tidied
from sentinel_lib.storage.layout import HALF_WRITTEN, SCRATCH, table_names
from sentinel_lib.storage.tables import Lake
from sentinel_lib.storage.upkeep import compact, retire

_NEVER = datetime.max.replace(tzinfo=UTC)


def vacuum(data: Path, keep: timedelta) -> Tidied:
    """Put small files together, and remove those that no version of the last ``keep`` needs, as of
    what is published: each run in it stays whole.

    Payloads, run records, logs and reports are not touched. Raises ``StorageError`` if a table
    cannot be read or written.
    """
    lake = Lake(data)
    commits = {name: lake.commits(name) for name in table_names(data) if lake.exists(name)}
    newest = max((made[-1].as_of for made in commits.values() if made), default=_NEVER)
    files = {}
    for name in commits:
        compact(lake, name)
        files[name] = retire(lake, name, newest - keep)
    return Tidied({name: count for name, count in files.items() if count}, _strays(data, keep))


def _strays(data: Path, keep: timedelta) -> int:
    """Half-written files of killed runs begin with a point; so do scratch copies."""
    oldest = time.time() - keep.total_seconds()
    left = [path for path in data.rglob(f".*{HALF_WRITTEN}") if path.is_file()]
    strays = [path for path in [*left, *data.glob(f"{SCRATCH}*")] if path.stat().st_mtime < oldest]
    for path in strays:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return len(strays)
