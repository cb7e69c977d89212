"""Dataflow Sentinel: a data pipeline that refuses bad data and says when data is late."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_table"]


def read_table(
    name: str, *, as_of: str | date | datetime | None = None, data: str | Path = "data"
) -> pd.DataFrame:
    """A table as a pandas frame: ``read_table("gold.daily")``. Prices and volumes are floats.

    ``as_of`` gives it as it was published then (a date means its last instant; UTC unless it says
    otherwise). ``data`` is the data folder, from the project's root.

    Raises ``StorageError`` if there is no such table, or none at that time, if another version of
    this project wrote it, or if an interrupted rollback left it unfinished; ``UsageError`` if
    ``as_of`` is not a date or a time.
    """
    from sentinel_lib.settings.project import in_project
    from sentinel_lib.storage.frames import frame_of
    from sentinel_lib.storage.lock import require_whole
    from sentinel_lib.storage.root import require_current
    from sentinel_lib.storage.tables import Lake

    require_current(in_project(data))
    require_whole(in_project(data))
    return frame_of(Lake(in_project(data)).read(name, as_of=_moment(as_of)))


def _moment(as_of: str | date | datetime | None) -> datetime | None:
    """``as_of`` as an instant; a date is its last one."""
    from sentinel_lib.clock import parse_as_of

    if isinstance(as_of, str):
        with suppress(ValueError):
            return _moment(date.fromisoformat(as_of))
        return parse_as_of(as_of)
    if as_of is None or isinstance(as_of, datetime):
        return as_of and (as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC))
    return datetime.combine(as_of, time.max, UTC)
