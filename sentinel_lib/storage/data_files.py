"""The files that tables are made of: Parquet, each named after the sha256 of its bytes."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from sentinel_lib.storage.digest import blocks
from sentinel_lib.storage.layout import HALF_WRITTEN

BLOCKS_A_FILE = 8
"""A million rows. A table is changed by whole files: no file is to hold all of a large table."""

_NAMED = re.compile(r"\d+-\d+-([0-9a-f]{64})\.parquet")
_LONGEST_TEXT = 64
_intact: set[tuple[str, int, int]] = set()


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file as a commit names it. ``stats`` (JSON, as Delta has it) let readers pass it over."""

    name: str
    size: int
    stats: str


def write_files(folder: Path, version: int, rows: pa.RecordBatchReader) -> Iterator[DataFile]:
    """Write ``rows`` into ``folder`` for a table's ``version``, and give each file there is.

    Never all rows are held; of no rows there is no file.
    """
    waiting = blocks(rows)
    for number, first in enumerate(waiting):
        path = folder / f".{uuid4().hex}.parquet{HALF_WRITTEN}"
        try:
            with pq.ParquetWriter(path, rows.schema, write_page_checksum=True) as writer:
                for block in chain([first], islice(waiting, BLOCKS_A_FILE - 1)):
                    writer.write_table(block)
            with path.open("rb") as file:
                os.fsync(file.fileno())
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            stats = _stats(pq.read_metadata(path))
            named = path.rename(folder / f"{version:05}-{number}-{digest}.parquet")
            yield DataFile(named.name, named.stat().st_size, stats)
        finally:
            path.unlink(missing_ok=True)


def damage(path: Path, *, is_afresh: bool = False) -> str | None:
    """What is wrong with a file of a table; None if its bytes are those that were committed.

    A process reads a file once, for this costs 2 seconds a GiB, unless ``is_afresh``.
    """
    named = _NAMED.fullmatch(path.name)
    if named is None:
        return "it carries no checksum, so that nothing says whether its bytes are what was written"
    try:
        status = path.stat()
        key = (str(path), status.st_size, status.st_mtime_ns)
        if key in _intact and not is_afresh:
            return None
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as unreadable:
        return f"it cannot be read: {unreadable.strerror or unreadable}"
    if digest != named[1]:
        return f"its bytes have the sha256 {digest[:12]}..., and {named[1][:12]}... were written"
    _intact.add(key)
    return None


def _stats(metadata: pq.FileMetaData) -> str:
    stats: dict[str, Any] = {"numRecords": metadata.num_rows}
    stats |= {"minValues": {}, "maxValues": {}, "nullCount": {}}
    for place, column in enumerate(metadata.schema.names):
        groups = range(metadata.num_row_groups)
        parts = [metadata.row_group(group).column(place).statistics for group in groups]
        if not parts or not all(part and part.has_null_count for part in parts):
            continue
        stats["nullCount"][column] = sum(part.null_count for part in parts)
        if all(part.has_min_max for part in parts):
            least, most = min(part.min for part in parts), max(part.max for part in parts)
            if _is_ordered(least) and _is_ordered(most):
                stats["minValues"][column] = _written(least)
                stats["maxValues"][column] = _written(most)
    return json.dumps(stats, ensure_ascii=False)


def _is_ordered(value: Any) -> bool:
    """Whether a bound can be told in JSON without loss: no decimal, no float, no long text."""
    is_short = isinstance(value, str) and len(value) <= _LONGEST_TEXT
    return is_short or (isinstance(value, int | date) and not isinstance(value, bool))


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, date) else value
