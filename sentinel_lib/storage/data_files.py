"""The files that tables are made of: Parquet, each named after the sha256 of its bytes."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from sentinel_lib.storage.digest import OrderedDigest, blocks
from sentinel_lib.storage.layout import HALF_WRITTEN

BLOCKS_A_FILE = 8
"""A million rows. A table is changed by whole files: no file is to hold all of a large table."""

_NAMED = re.compile(r"\d+-\d+-([0-9a-f]{64})\.parquet")
_LONGEST_TEXT = 64
_COUNTING = ("timestamp", "line")
_intact: set[tuple[str, int, int]] = set()


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file as a commit names it. ``stats`` (JSON, as Delta has it) let readers pass it over."""

    name: str
    size: int
    stats: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a table, and its statistics as Delta's log has them."""

    path: Path
    statistics: Mapping[str, Any]

    @property
    def version(self) -> int:
        """The version of its table that it was written for; -1 where its name does not tell."""
        return int(self.path.name.partition("-")[0]) if _NAMED.fullmatch(self.path.name) else -1

    def bounds(self, column: str) -> tuple[Any, Any]:
        """The least and the greatest value of a column; None where the log does not say."""
        return self.statistics.get(f"min.{column}"), self.statistics.get(f"max.{column}")


def write_files(
    folder: Path, version: int, rows: pa.RecordBatchReader, digest: OrderedDigest | None
) -> Iterator[DataFile]:
    """Write ``rows`` into ``folder`` for a table's ``version``, and give each file there is.

    Never all rows are held: one block is written while the next one comes. Of no rows there is no
    file. ``digest`` takes them as they pass.
    """
    waiting = _digested(blocks(rows), digest) if digest else blocks(rows)
    with ThreadPoolExecutor(1) as thread:
        for number, first in enumerate(waiting):
            path = folder / f".{uuid4().hex}.parquet{HALF_WRITTEN}"
            try:
                with pq.ParquetWriter(path, rows.schema, **_encodings(rows.schema)) as writer:
                    written = thread.submit(writer.write_table, first)
                    try:
                        for block in islice(waiting, BLOCKS_A_FILE - 1):
                            written.result()
                            written = thread.submit(writer.write_table, block)
                    finally:
                        wait([written])  # before the writer is closed, whatever has happened
                    written.result()
                with path.open("rb") as file:
                    os.fsync(file.fileno())
                    checksum = hashlib.file_digest(file, "sha256").hexdigest()
                yield _data_file(path.rename(folder / f"{version:05}-{number}-{checksum}.parquet"))
            finally:
                path.unlink(missing_ok=True)


def adopt_files(folder: Path, version: int, files: Sequence[Path]) -> Iterator[DataFile]:
    """Make ``files`` of another table also those of a ``version`` in ``folder``: the same bytes
    under another name, or copies where a file can have one name only.
    """
    for number, file in enumerate(files):
        named = _NAMED.fullmatch(file.name)
        assert named is not None
        adopted = folder / f"{version:05}-{number}-{named[1]}.parquet"
        adopted.unlink(missing_ok=True)
        try:
            os.link(file, adopted)
        except OSError:
            shutil.copyfile(file, adopted)
            with adopted.open("rb") as copied:
                os.fsync(copied.fileno())
        yield _data_file(adopted)


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """How columns are written: those that count up by their steps, others by their few values;
    as they are, if they count up in text.
    """
    unlike = {field.name: field.type for field in schema if field.name in _COUNTING}
    counting = [name for name, type_ in unlike.items() if not pa.types.is_string(type_)]
    return {
        "write_page_checksum": True,
        "use_dictionary": [name for name in schema.names if name not in unlike],
        "column_encoding": dict.fromkeys(counting, "DELTA_BINARY_PACKED"),
    }


def _digested(blocks: Iterator[pa.Table], digest: OrderedDigest) -> Iterator[pa.Table]:
    for block in blocks:
        digest.add(block)
        yield block


def _data_file(path: Path) -> DataFile:
    return DataFile(path.name, path.stat().st_size, _stats(pq.read_metadata(path)))


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
    except FileNotFoundError:
        return "it is not there; vacuum, or retention in pipeline.yaml, removes files of old runs"
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
