"""A look at every byte that is kept, by its checksum: nothing is built again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from sentinel_lib.errors import LockedError, StorageError
from sentinel_lib.operations.lost_payloads import fetched_payloads, lost_payloads, recover
from sentinel_lib.records.inspection import Inspection
from sentinel_lib.storage.layout import table_names
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

Hold = Callable[[], AbstractContextManager[None]]
"""Makes this process the one writer, or raises ``LockedError``."""


def inspect(data: Path, now: datetime, hold: Hold) -> Inspection:
    """Compare every file of the tables as they stand, and every payload, with its checksum.

    A payload that is lost is asked for again. What was found is kept for ``/healthz``. Raises
    ``StorageError`` only if that cannot be written.
    """
    problems, files = list[str](), 0
    for name in table_names(data):
        try:
            files += len(Lake(data, is_checked=False).files(name))
            problems += map(str, Lake(data).damaged(name))
        except StorageError as unreadable:
            problems.append(str(unreadable))
    try:
        count, (recovered, gone) = len(fetched_payloads(data)), _payloads(data, hold)
    except StorageError:  # the log of the fetches, which is among the problems already
        count, recovered, gone = 0, [], ["which payloads there must be cannot be known"]
    inspection = Inspection(
        inspected_at_utc=now,
        files=files,
        payloads=count,
        problems=(*problems, *gone),
        recovered=tuple(recovered),
    )
    RunHistory(data).write_inspection(inspection)
    return inspection


def _payloads(data: Path, hold: Hold) -> tuple[list[str], list[str]]:
    """The lost payloads that could be had again, and those that could not, in words."""
    lost = lost_payloads(data)
    if not lost:
        return [], []
    try:
        with hold():
            recovered, gone = recover(data, lost)
    except LockedError as locked:
        return [], [f"{payload}; not asked for again, for {locked.message}" for payload in lost]
    return list(map(str, recovered)), list(map(str, gone))
