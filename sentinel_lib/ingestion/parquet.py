"""Parquet: bytes in, raw bars out. Typed values become the text that writes them without loss."""

from collections.abc import Mapping
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion.raw_bars import raw_bars
from sentinel_lib.ingestion.source_columns import SourceColumn, declared_columns

MAGIC = b"PAR1"

_WRITE_AGAIN = "write the file again, or take it out of the input path"


class ParquetContent:
    """A Parquet file, opened; ``names`` are those of its columns. Raises ``SourceError``."""

    delimiter = None

    def __init__(self, content: bytes, locator: str) -> None:
        self._content, self._locator = content, locator
        try:
            self._schema = pq.read_schema(pa.BufferReader(content))
        except (pa.ArrowException, OSError) as broken:
            raise self._unreadable(broken) from None
        self.names = tuple(self._schema.names)

    def has_iso_times(self, position: int) -> bool:
        """Whether the column's times are written as ISO 8601, whatever is configured."""
        kind = self._schema.types[position]
        return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))

    def bars(self, positions: Mapping[str, int], symbol: str | None = None) -> pa.Table:
        """The rows as raw bars, ``positions`` being where each field stands; a null is empty text.

        Raises ``SourceError`` if there is no row, or they cannot be read.
        """
        try:
            file = pq.ParquetFile(pa.BufferReader(self._content))
            table = file.read(columns=[self.names[at] for at in positions.values()])
            values = {field: _text(table.column(self.names[at])) for field, at in positions.items()}
        except (pa.ArrowException, OSError) as broken:
            raise self._unreadable(broken) from None
        if table.num_rows == 0:
            raise SourceError(
                f"{self._locator} has no rows",
                observed=f"the columns {', '.join(self.names)}",
                next_step=_WRITE_AGAIN,
            )
        return raw_bars(range(1, table.num_rows + 1), values, symbol=symbol)

    def columns(self, positions: Mapping[str, int], bars: pa.Table) -> tuple[SourceColumn, ...]:
        """Its columns, by the types it declares."""
        return declared_columns(self._schema, positions)

    def _unreadable(self, broken: Exception) -> SourceError:
        return SourceError(
            f"{self._locator} cannot be read as Parquet: {broken}", next_step=_WRITE_AGAIN
        )


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
