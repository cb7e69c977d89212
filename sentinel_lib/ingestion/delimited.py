"""CSV and its relatives: bytes in, raw bars out, each with the line it stands on."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import pyarrow as pa
import pyarrow.csv as arrow_csv

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion.raw_bars import RAW_BARS, raw_bars

DELIMITERS = (",", ";", "\t", "|")

SHOWN_ROWS = 1_000
"""So many of the first rows show what stands in a column that no field is read from."""

_BATCH_ROWS = 16_384
_SHOWN_TEXT = 300
_END = "\0"
"""A last line of our own. A reader that does not hand it back is inside a quote left open."""

Row = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Header:
    """The first line that is not blank: the column names, and what separates them."""

    names: tuple[str, ...]
    delimiter: str
    line: int = 1


def header_of(text: bytes, delimiter: str | None, where: str) -> Header:
    """The header of a file; unless given, the delimiter is that of ``DELIMITERS`` it has most of.

    Raises ``SourceError`` where the bytes are no text, or there is nothing in them.
    """
    if b"\0" in text:
        raise SourceError(
            f"{where} is not a text file: it contains NUL bytes",
            expected="CSV in UTF-8, gzipped CSV, or Parquet",
            next_step="export it as CSV in UTF-8, or take it out of the input path",
        )
    separator = delimiter or _most_frequent(text, where)
    for line, cells in _rows(text, separator, where):
        return Header(tuple(cell.strip() for cell in cells), separator, line)
    raise SourceError(
        f"{where} is empty",
        expected="a header line and at least one row",
        next_step="write the file again, or take it out of the input path",
    )


def read_rows(
    text: bytes,
    header: Header,
    positions: dict[str, int],
    where: str,
    *,
    symbol: str | None = None,
) -> pa.Table:
    """The rows below the header as raw bars, ``positions`` being where each field stands.

    A row with too few or too many values is kept, with what is wrong with it in ``defect``.
    """
    table = read_plain(text, header, positions, symbol=symbol)
    if table is None:
        table = read_any(text, header, positions, where, symbol=symbol)
    if table.num_rows == 0:
        raise SourceError(
            f"{where} has a header and no rows",
            observed=f"the columns {', '.join(header.names)}",
            next_step="write the file again, or take it out of the input path",
        )
    return table


def read_plain(
    text: bytes, header: Header, positions: dict[str, int], *, symbol: str | None = None
) -> pa.Table | None:
    """The rows of a file that has no quotes, blank lines or ragged rows; some ten times faster.

    None where it is not of that kind; never other rows than ``read_any`` would give.
    """
    end = text.find(b"\n")
    has_blank_lines = any(pair in text for pair in (b"\n\n", b"\n\r", b"\r\r"))
    if header.line != 1 or end < 0 or has_blank_lines or text.find(b'"', end) >= 0:
        return None
    places = [str(at) for at in range(len(header.names))]
    taken = {field: places[at] for field, at in positions.items()}
    try:
        rows = arrow_csv.read_csv(
            pa.BufferReader(text),
            arrow_csv.ReadOptions(use_threads=False, skip_rows=1, column_names=places),
            arrow_csv.ParseOptions(
                delimiter=header.delimiter, quote_char=False, ignore_empty_lines=False
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()),
                include_columns=list(taken.values()),
            ),
        )
    except pa.ArrowInvalid:  # ragged rows, or no UTF-8: read_any says which
        return None
    values = {field: rows.column(place) for field, place in taken.items()}
    return raw_bars(range(2, rows.num_rows + 2), values, symbol=symbol)


def read_any(
    text: bytes,
    header: Header,
    positions: dict[str, int],
    where: str,
    *,
    symbol: str | None = None,
) -> pa.Table:
    """Any file, by the standard library's reader."""
    rows = _rows(text, header.delimiter, where)
    next(rows)
    tables = [_table(batch, header, positions, symbol) for batch in _batches(rows, _BATCH_ROWS)]
    return pa.concat_tables([RAW_BARS.empty_table(), *tables])


def first_values(
    text: bytes, header: Header, positions: Iterable[int], where: str
) -> dict[int, pa.Array]:
    """The values in the columns at ``positions`` of the first rows."""
    wanted = list(positions)
    rows = [cells for _, cells in islice(_rows(text, header.delimiter, where), SHOWN_ROWS + 1)]
    return {
        at: pa.array([cells[at] for cells in rows[1:] if at < len(cells)], pa.string())
        for at in wanted
    }


def _table(
    batch: list[Row], header: Header, positions: dict[str, int], symbol: str | None
) -> pa.Table:
    width = len(header.names)
    lines, rows = zip(*batch, strict=True)
    defects = None
    if set(map(len, rows)) != {width}:
        defects = pa.array(
            [None if len(cells) == width else _ragged(cells, header) for cells in rows],
            pa.string(),
        )
        rows = tuple([*cells[:width], *[None] * (width - len(cells))] for cells in rows)
    cells_of = list(zip(*rows, strict=True))
    values = {field: pa.array(cells_of[at], pa.string()) for field, at in positions.items()}
    return raw_bars(lines, values, symbol=symbol, defects=defects)


def _ragged(cells: list[str], header: Header) -> str:
    row = header.delimiter.join(cells)
    shown = row if len(row) <= _SHOWN_TEXT else f"{row[:_SHOWN_TEXT]}..."
    values = "1 value" if len(cells) == 1 else f"{len(cells)} values"
    return f"{values} where the header has {len(header.names)} columns: {shown}"


def _rows(text: bytes, delimiter: str, where: str) -> Iterator[Row]:
    """Each row that is not blank, with the line it begins on."""
    reader = csv.reader(chain(_lines(text), [_END]), delimiter=delimiter)
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
        raise _not_utf8(text, where) from None
    except csv.Error as broken:
        raise SourceError(
            f"{where}: the row that begins on line {line} cannot be read: {broken}",
            next_step="close the quote on that line, or remove it, and run again",
        ) from None


def _lines(text: bytes) -> Iterator[str]:
    return io.TextIOWrapper(io.BytesIO(text), encoding="utf-8-sig", newline="")


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(rows, size)):
        yield batch


def _most_frequent(text: bytes, where: str) -> str:
    try:
        first = next((line for line in _lines(text) if line.strip()), "")
    except UnicodeDecodeError:
        raise _not_utf8(text, where) from None
    unquoted = re.sub(r'"[^"]*"', "", first)
    return max(DELIMITERS, key=unquoted.count)


def _not_utf8(text: bytes, where: str) -> SourceError:
    line = 1
    try:
        text.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line += text.count(b"\n", 0, wrong.start)
    return SourceError(
        f"{where} is not text in UTF-8: line {line} has a byte that cannot be",
        expected="CSV in UTF-8, gzipped CSV, or Parquet",
        next_step="save it again as UTF-8, or take it out of the input path",
    )
