"""The checkpoint: what the newest verified run had left, for the next ``verify`` to begin with.

It is a data folder in ``ops/verified``: the tables and files of then, by links that take no room
until what is published has other files, without their history.
"""

import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from sentinel_lib.operations.scratch import linked
from sentinel_lib.records.roles import QUARANTINE_BARS
from sentinel_lib.storage import artifacts, journal, root
from sentinel_lib.storage.journal import Move
from sentinel_lib.storage.layout import Layout, table_names
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake
from sentinel_lib.storage.upkeep import link

_PLACES = Layout(Path())
_FILES = (_PLACES.aggregates, _PLACES.freshness, _PLACES.quality, _PLACES.certificate)


class Checkpoint(BaseModel, frozen=True):
    """The run whose tables these are, and when it was verified."""

    run_id: str
    verified_at_utc: datetime


def keep(data: Path, run_id: str, now: datetime) -> None:
    """Make what is published now, by ``run_id``, the checkpoint. Only for the one writer.

    Raises ``StorageError`` if a file is damaged or it cannot be written.
    """
    folder = journal.prepare(data) / _PLACES.verified.name
    root.begin(folder)
    published, kept = Lake(data), Lake(folder)
    for name in filter(published.exists, table_names(data)):
        link(published, name, kept)
    for path in _FILES:
        if (data / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            linked(str(data / path), str(folder / path))
    checkpoint = Checkpoint(run_id=run_id, verified_at_utc=now)
    artifacts.replace(folder / _PLACES.checkpoint.name, checkpoint.model_dump_json().encode())
    before = Move(source=_PLACES.verified, target=_PLACES.unfinished / "before")
    after = Move(source=folder.relative_to(data), target=_PLACES.verified)
    journal.carry_out(data, "the checkpoint", "verify", [before, after])


def newest(data: Path, run_id: str) -> Checkpoint | None:
    """The checkpoint, if the runs after it up to ``run_id`` can be made upon it.

    None where there is none, or it is of a later run, of one whose record is gone, of another
    version, or damaged, or where a rollback since then went back to before it.
    """
    history, folder = RunHistory(data), Layout(data).verified
    try:
        content = (folder / _PLACES.checkpoint.name).read_bytes()
        checkpoint = Checkpoint.model_validate_json(content)
    except (OSError, ValidationError):
        return None
    run_ids = [known for known in history.run_ids() if checkpoint.run_id <= known <= run_id]
    restored = map(history.restored_by, run_ids)
    if checkpoint.run_id not in run_ids or any(
        "" < target < checkpoint.run_id for target in restored
    ):
        return None
    lake = Lake(folder)
    is_whole = not root.is_older(folder) and not any(map(lake.damaged, table_names(folder)))
    return checkpoint if is_whole else None


def begin_with(data: Path, checkpoint: Checkpoint, scratch: Path) -> None:
    """Put into ``scratch`` what stood at the checkpoint: tables, files, the records of the runs up
    to it, and the payloads of quarantined rows, whose text is read there.
    """
    ignored = shutil.ignore_patterns(_PLACES.checkpoint.name)
    shutil.copytree(
        Layout(data).verified, scratch, copy_function=linked, dirs_exist_ok=True, ignore=ignored
    )
    runs = Layout(data).runs
    for run_id in RunHistory(data).run_ids():
        if run_id <= checkpoint.run_id:
            shutil.copytree(runs / run_id, Layout(scratch).run(run_id), copy_function=linked)
    rows = Lake(scratch).read_or_empty(QUARANTINE_BARS, columns=["payload"])
    _link_payloads(data, scratch, rows["payload"].unique().to_pylist())


def _link_payloads(data: Path, scratch: Path, digests: Iterable[str]) -> None:
    for digest in digests:
        source, target = Layout(data).payload(digest), Layout(scratch).payload(digest)
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            linked(str(source), str(target))
