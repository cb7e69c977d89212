"""CSV and its relatives: bytes in, raw bars out, each with the line it stands on."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice

import pyarrow as pa
import pyarrow.csv as arrow_csv

from sentinel_lib.errors import SourceError, counted
from sentinel_lib.ingestion.raw_bars import RAW_BARS, raw_bars
from sentinel_lib.ingestion.source_columns import SourceColumn, text_columns

DELIMITERS = (",", ";", "\t", "|")

SHOWN_ROWS = 1_000
"""So many of the first rows show what stands in a column that no field is read from."""

_BATCH_ROWS = 16_384
_SHOWN_TEXT = 300
_END = "\0"
"""A last line of our own. A reader that does not hand it back is inside a quote left open."""

_WRITE_AGAIN = "write the file again, or take it out of the input path"

Row = tuple[int, list[str]]


class DelimitedText:
    """A text file, opened: the first line that is not blank is its header.

    Unless given, the ``delimiter`` is that of ``DELIMITERS`` which the header has most of.
    Raises ``SourceError`` if the bytes are not text, or if there is nothing in them.
    """

    def __init__(self, text: bytes, delimiter: str | None, locator: str) -> None:
        self._text, self._locator = text, locator
        if b"\0" in text:
            raise SourceError(
                f"{locator} is not a text file: it contains NUL bytes",
                expected="CSV in UTF-8, gzipped CSV, or Parquet",
                next_step="export it as CSV in UTF-8, or take it out of the input path",
            )
        self.delimiter = delimiter or self._most_frequent_delimiter()
        self._header_line, header = next(self._rows(), (0, []))
        if not header:
            raise SourceError(
                f"{locator} is empty",
                expected="a header line and at least one row",
                next_step=_WRITE_AGAIN,
            )
        self.names = tuple(cell.strip() for cell in header)

    def has_iso_times(self, position: int) -> bool:
        """Whether the column's times are ISO 8601 whatever is configured: text never tells."""
        return False

    def bars(self, positions: Mapping[str, int], symbol: str | None = None) -> pa.Table:
        """The rows below the header as raw bars, ``positions`` being where each field stands.

        A row with too few or too many values is kept, with what is wrong with it in ``defect``.
        Raises ``SourceError`` if there is no row, or one cannot be read.
        """
        table = self.plain_bars(positions, symbol)
        if table is None:
            table = self.any_bars(positions, symbol)
        if table.num_rows == 0:
            raise SourceError(
                f"{self._locator} has a header and no rows",
                observed=f"the columns {', '.join(self.names)}",
                next_step=_WRITE_AGAIN,
            )
        return table

    def columns(self, positions: Mapping[str, int], bars: pa.Table) -> tuple[SourceColumn, ...]:
        """Its columns; the ``bars`` read from it show what those hold that are read."""
        unread = sorted(set(range(len(self.names))) - set(positions.values()))
        rows = [cells for _, cells in islice(self._rows(), 1, SHOWN_ROWS + 1)] if unread else []
        values = {
            at: pa.array([cells[at] for cells in rows if at < len(cells)], pa.string())
            for at in unread
        }
        return text_columns(self.names, positions, bars, values)

    def plain_bars(
        self, positions: Mapping[str, int], symbol: str | None = None
    ) -> pa.Table | None:
        """The rows of a file without quotes, blank lines and ragged rows; some ten times faster.

        None for any other file; never other rows than ``any_bars`` would give.
        """
        end = self._text.find(b"\n")
        has_blank_lines = any(pair in self._text for pair in (b"\n\n", b"\n\r", b"\r\r"))
        has_quotes = self._text.find(b'"', end) >= 0
        if self._header_line != 1 or end < 0 or has_blank_lines or has_quotes:
            return None
        places = [str(at) for at in range(len(self.names))]
        read = {field: places[at] for field, at in positions.items()}
        try:
            rows = arrow_csv.read_csv(
                pa.BufferReader(self._text),
                arrow_csv.ReadOptions(use_threads=False, skip_rows=1, column_names=places),
                arrow_csv.ParseOptions(
                    delimiter=self.delimiter, quote_char=False, ignore_empty_lines=False
                ),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(places, pa.string()),
                    include_columns=list(read.values()),
                ),
            )
        except pa.ArrowInvalid:  # ragged rows, or not UTF-8: any_bars says which
            return None
        values = {field: rows.column(place) for field, place in read.items()}
        return raw_bars(range(2, rows.num_rows + 2), values, symbol=symbol)

    def any_bars(self, positions: Mapping[str, int], symbol: str | None = None) -> pa.Table:
        """The rows of any file, by the standard library's reader."""
        rows = islice(self._rows(), 1, None)
        tables = []
        while batch := list(islice(rows, _BATCH_ROWS)):
            tables.append(self._table(batch, positions, symbol))
        return pa.concat_tables([RAW_BARS.empty_table(), *tables])

    def _table(
        self, batch: list[Row], positions: Mapping[str, int], symbol: str | None
    ) -> pa.Table:
        width = len(self.names)
        lines, rows = zip(*batch, strict=True)
        defects = None
        if set(map(len, rows)) != {width}:
            ragged = [None if len(cells) == width else self._ragged(cells) for cells in rows]
            defects = pa.array(ragged, pa.string())
            rows = tuple([*cells[:width], *[None] * (width - len(cells))] for cells in rows)
        columns = list(zip(*rows, strict=True))
        values = {field: pa.array(columns[at], pa.string()) for field, at in positions.items()}
        return raw_bars(lines, values, symbol=symbol, defects=defects)

    def _ragged(self, cells: list[str]) -> str:
        row = self.delimiter.join(cells)
        shown = row if len(row) <= _SHOWN_TEXT else f"{row[:_SHOWN_TEXT]}..."
        values = counted(len(cells), "value")
        return f"{values} where the header has {len(self.names)} columns: {shown}"

    def _rows(self) -> Iterator[Row]:
        """Each row that is not blank, the header first, with the line it begins on."""
        reader = csv.reader(chain(self._lines(), [_END]), delimiter=self.delimiter)
        line = 1
        try:
            for cells in reader:
                if cells and cells[-1].endswith(_END):
                    if cells != [_END]:
                        raise csv.Error("a quote is opened in it and never closed")
                    return
                if len(cells) > 1 or (cells and cells[0].strip()):
                    yield line, cells
                line = reader.line_num + 1
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        except csv.Error as broken:
            raise SourceError(
                f"{self._locator}: the row that begins on line {line} cannot be read: {broken}",
                next_step="close the quote on that line, or remove it, and run again",
            ) from None

    def _lines(self) -> Iterator[str]:
        return io.TextIOWrapper(io.BytesIO(self._text), encoding="utf-8-sig", newline="")

    def _most_frequent_delimiter(self) -> str:
        try:
            header = next((line for line in self._lines() if line.strip()), "")
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        return max(DELIMITERS, key=re.sub(r'"[^"]*"', "", header).count)

    def _not_utf8(self) -> SourceError:
        line = 1
        try:
            self._text.decode("utf-8-sig")
        except UnicodeDecodeError as wrong:
            line += self._text.count(b"\n", 0, wrong.start)
        return SourceError(
            f"{self._locator} is not text in UTF-8: line {line} has a byte that cannot be",
            expected="CSV in UTF-8, gzipped CSV, or Parquet",
            next_step="save it again as UTF-8, or take it out of the input path",
        )
