"""What may go: files of tables that no kept run needs, and what killed runs left behind."""

import re
import shutil
import time
from datetime import timedelta
from pathlib import Path

from sentinel_lib.errors import UsageError
from sentinel_lib.operations.results import Tidied
from sentinel_lib.storage.layout import HALF_WRITTEN, SCRATCH, table_names
from sentinel_lib.storage.tables import Lake

_KEEP = re.compile(r"(\d+)([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def duration(text: str) -> timedelta:
    """``30d``, ``12h`` or ``4w`` as a time. Raises ``UsageError`` for anything else."""
    match = _KEEP.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"'{text}' is not a time to keep",
            expected="such as 30d, 12h or 4w",
            next_step="write a whole number and h, d or w for hours, days or weeks",
        )
    return int(match[1]) * _UNITS[match[2]]


def vacuum(data: Path, keep: timedelta) -> Tidied:
    """Remove files that no version of the last ``keep`` needs, so that each run in it stays whole.

    Payloads, run records, logs and reports are not touched. Raises ``StorageError`` if a table
    cannot be read or written.
    """
    lake = Lake(data)
    tables = filter(lake.exists, table_names(data))
    files = {name: len(lake.vacuum(name, keep)) for name in tables}
    return Tidied({name: count for name, count in files.items() if count}, _strays(data, keep))


def _strays(data: Path, keep: timedelta) -> int:
    """Half-written files of killed runs begin with a point; so do scratch copies."""
    oldest = time.time() - keep.total_seconds()
    left = [path for path in data.rglob(f".*{HALF_WRITTEN}") if path.is_file()]
    strays = [path for path in [*left, *data.glob(f"{SCRATCH}*")] if path.stat().st_mtime < oldest]
    for path in strays:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return len(strays)
