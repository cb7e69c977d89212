"""Which version of the layout a data folder has: what wrote its tables, and who can read them."""

import json
from pathlib import Path

from sentinel_lib.errors import StorageError
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.layout import Layout, table_names

VERSION = 3
"""Of the tables that this library writes and reads. It goes up when a schema changes, and then a
folder of the version before goes to ``tests/roots``, which ``upgrade`` must be able to rebuild.
"""

_CONTENT = json.dumps({"version": VERSION}).encode()
_UNMARKED = 1
"""The version of folders that have tables and say nothing."""


def begin(data: Path) -> None:
    """Mark a folder that has no tables yet as one of this version."""
    if _version(data) is None:
        artifacts.replace(Layout(data).version, _CONTENT)


def is_older(data: Path) -> bool:
    """Whether an earlier release wrote the tables, so that they have to be upgraded."""
    version = _version(data)
    return version is not None and version < VERSION


def require_current(data: Path) -> None:
    """Raise ``StorageError`` for a folder of another version, with what to do about it."""
    version = _version(data)
    if version is None or version == VERSION:
        return
    raise StorageError(
        f"the tables in {data} are of version {version}",
        expected=f"version {VERSION}, which this release reads and writes",
        next_step="python run_pipeline.py upgrade"
        if version < VERSION
        else "install the release that wrote them, or a later one",
    )


def _version(data: Path) -> int | None:
    """None where there are no tables."""
    path = Layout(data).version
    try:
        return int(json.loads(path.read_bytes())["version"])
    except FileNotFoundError:
        return _UNMARKED if table_names(data) else None
    except (OSError, ValueError, TypeError, KeyError) as unreadable:
        raise StorageError(
            f"{path} does not say which version the tables have: {unreadable}",
            expected=_CONTENT.decode(),
            next_step="restore it from a backup",
        ) from unreadable
