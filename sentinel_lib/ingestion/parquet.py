"""Parquet: bytes in, raw bars out. Typed values become the text that writes them without loss."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion.raw_bars import raw_bars

MAGIC = b"PAR1"


def schema_of(content: bytes, where: str) -> pa.Schema:
    """The columns of a file; raises ``SourceError``."""
    try:
        return pq.read_schema(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as broken:
        raise _unreadable(where, broken) from None


def writes_iso(kind: pa.DataType) -> bool:
    """Whether a column of this type is written as ISO 8601, whatever the source's date format."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def read_rows(
    content: bytes, positions: Mapping[str, int], where: str, *, symbol: str | None = None
) -> pa.Table:
    """The rows as raw bars; ``positions`` says where each field stands. A null is an empty text."""
    schema = schema_of(content, where)
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        table = file.read(columns=[schema.names[at] for at in positions.values()])
        values = {field: _text(table.column(schema.names[at])) for field, at in positions.items()}
    except (pa.ArrowException, OSError) as broken:
        raise _unreadable(where, broken) from None
    if table.num_rows == 0:
        raise SourceError(
            f"{where} has no rows",
            observed=f"the columns {', '.join(schema.names)}",
            next_step="write the file again, or take it out of the input path",
        )
    return raw_bars(range(1, table.num_rows + 1), values, symbol=symbol)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        column = _iso(column)
    return pc.fill_null(column.cast(pa.string()), "")


def _iso(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Microseconds at most, unless that would lose something, and the offset where there is one."""
    zone = column.type.tz
    if column.type.unit == "ns":
        # a real nanosecond is kept as written: validation says what is wrong with it
        with suppress(pa.ArrowInvalid):
            column = column.cast(pa.timestamp("us", zone))
    if zone is None:
        return column
    written = pc.strftime(column, format="%Y-%m-%dT%H:%M:%S%z", locale="C")
    return pc.replace_substring_regex(written, r"([+-]\d\d)(\d\d)$", r"\1:\2")


def _unreadable(where: str, broken: Exception) -> SourceError:
    return SourceError(
        f"{where} cannot be read as Parquet: {broken}",
        next_step="write the file again, or take it out of the input path",
    )
