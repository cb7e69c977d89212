"""Parquet and Feather. Typed values become the text that writes them without loss."""

from collections.abc import Iterator
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion.dialects.limits import require_room
from sentinel_lib.ingestion.dialects.sheets import WRITE_AGAIN, Sheet

PARQUET_MAGIC = b"PAR1"
_SMALLEST_CELL = 4
"""Bytes of a value as text, even where a file holds a million equal ones in a few bytes."""
_FEATHER_MAGICS = (b"ARROW1", b"FEA1")


def is_columnar(content: bytes) -> bool:
    """Whether these are the bytes of a Parquet or Feather file."""
    return content.startswith((PARQUET_MAGIC, *_FEATHER_MAGICS))


def columnar_sheet(content: bytes, locator: str) -> Sheet:
    """The rows of a Parquet or Feather file, counted from 1; a null is empty text.

    Raises ``SourceError`` if it has no row, is too large, or cannot be read.
    """
    kind = "Parquet" if content.startswith(PARQUET_MAGIC) else "Feather"
    try:
        table = _parquet(content, locator) if kind == "Parquet" else _feather(content, locator)
        columns = [_text(column) for column in table.columns]
    except (pa.ArrowException, OSError) as broken:
        raise SourceError(
            f"{locator} cannot be read as {kind}: {broken}", next_step=WRITE_AGAIN
        ) from None
    if table.num_rows == 0:
        raise SourceError(
            f"{locator} has no rows",
            observed=f"the columns {', '.join(table.column_names)}",
            next_step=WRITE_AGAIN,
        )
    lines = range(1, table.num_rows + 1)
    types = table.schema.types
    numeric = frozenset(at for at, kind in enumerate(types) if not _is_text(kind))
    return Sheet([table.column_names], columns, lines, types=types, numeric=numeric)


def _parquet(content: bytes, locator: str) -> pa.Table:
    file = pq.ParquetFile(pa.BufferReader(content))
    metadata = file.metadata
    sizes = (metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
    require_room(sum(sizes), locator)
    require_room(metadata.num_rows * metadata.num_columns * _SMALLEST_CELL, locator)
    return _flat(file.read())


def _feather(content: bytes, locator: str) -> pa.Table:
    if content.startswith(_FEATHER_MAGICS[1]):
        return _flat(feather.read_table(pa.BufferReader(content)))
    file = pa.ipc.open_file(pa.BufferReader(content))
    batches = list(_batches(file, locator))
    return _flat(pa.Table.from_batches(batches, schema=file.schema))


def _batches(file: pa.ipc.RecordBatchFileReader, locator: str) -> Iterator[pa.RecordBatch]:
    size = 0
    for at in range(file.num_record_batches):
        batch = file.get_batch(at)
        size += batch.nbytes
        require_room(size, locator)
        yield batch


def _flat(table: pa.Table) -> pa.Table:
    """Only columns of single values: nothing is read from a list or a struct."""
    kept = [name for name in table.schema if not pa.types.is_nested(name.type)]
    return table.select([table.schema.get_field_index(field.name) for field in kept])


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_string = pa.types.is_string(value) or pa.types.is_large_string(value)
    return bool(is_string or pa.types.is_string_view(value))


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        column = _iso(column)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return pa.chunked_array([pa.nulls(len(column), pa.string())])
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
