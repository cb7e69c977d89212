"""CSV and its relatives: bytes in, a sheet out, each row with the line it stands on."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from functools import reduce
from itertools import chain, islice
from operator import or_

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion.dialects import heads, sheets
from sentinel_lib.ingestion.dialects.heads import Row
from sentinel_lib.ingestion.dialects.sheets import Sheet

DELIMITERS = (",", ";", "\t", "|")

_SAMPLE_BYTES = 256 * 1024
_SAMPLE_ROWS = 200
_BATCH_ROWS = 16_384
_LAST_ROWS = 10
_SHOWN_BYTES = 200
_END = "\0"
"""A last line of our own. A reader that does not hand it back is inside a quote left open."""
_PAGE = re.compile(rb"\s*<(!doctype html|html|head|body|\?xml|error)", re.IGNORECASE)


def delimited_sheet(text: bytes, delimiter: str | None, locator: str) -> Sheet:
    """The rows of a text in UTF-8. Unless given, the ``delimiter`` is the one that makes most rows
    of data.

    A row with too few or too many values is kept, with what is wrong with it in ``defects``.
    Remarks above the header and below the last row are left out. Raises ``SourceError`` if it is no
    table, has no row, or one cannot be read.
    """
    if _PAGE.match(text):
        raise SourceError(
            f"{locator} is a web page, not a file of bars",
            observed=text[:80].decode(errors="replace").strip().replace("\n", " "),
            expected="CSV, JSON, Excel, Parquet or Feather",
            next_step="download it again: the vendor answered with a page, perhaps to sign in, "
            "or about too many requests",
        )
    separator = delimiter or _delimiter_of(text)
    rows = list(islice(_rows(text, separator, locator), _SAMPLE_ROWS))
    if not rows:
        raise SourceError(
            f"{locator} is empty",
            expected="a header line and at least one row",
            next_step=sheets.WRITE_AGAIN,
        )
    head = heads.head_of(rows)
    below = [cells for _, cells in rows[head.data :]]
    header = [heads.fitted(list(rows[at][1]), below, head.width) for at in head.names]
    header = [[cell.strip() for cell in names] for names in header]
    width = max(map(len, header), default=head.width)
    if width < 2:
        raise SourceError(
            f"{locator} is not a table: nothing between values makes columns of its lines",
            observed=text.strip().split(b"\n", 1)[0][:_SHOWN_BYTES].decode(errors="replace"),
            expected="a comma, semicolon, tab or bar between values",
            next_step="write it in that way, or say what stands there: delimiter: ... "
            "in the options of the files source",
        )
    if not below:
        raise sheets.without_rows(locator, header[-1] if header else [])
    begins = rows[head.data][0]
    sheet = _plain_sheet(text, separator, header, width, begins)
    if sheet is None:
        sheet = _any_sheet(text, separator, header, width, begins, locator)
    return _without_footer(sheet, locator)


def _plain_sheet(
    text: bytes, delimiter: str, header: list[list[str]], width: int, begins: int
) -> Sheet | None:
    """The rows of a file without blank lines, ragged rows, and quotes that are more than the ends
    of a value; some ten times faster.

    None for any other file; never other rows than ``_any_sheet`` would give.
    """
    start = _start_of_line(text, begins)
    body = text[start:] if start else text
    has_returns = b"\r" in body
    pairs = (b"\n\n", b"\n\r", b"\r\r") if has_returns else (b"\n\n",)
    has_blank_lines = any(pair in body for pair in pairs)
    if has_blank_lines or body[:1] in (b"\n", b"\r") or not _quotes_are_ends(body, delimiter):
        return None
    places = [str(at) for at in range(width)]
    try:
        rows = arrow_csv.read_csv(
            pa.BufferReader(body),
            arrow_csv.ReadOptions(use_threads=False, column_names=places),
            arrow_csv.ParseOptions(
                delimiter=delimiter, ignore_empty_lines=False, newlines_in_values=b'"' in body
            ),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(places, pa.string())),
        )
    except pa.ArrowInvalid:  # ragged rows: _any_sheet says which
        return None
    lines = body.count(b"\n")
    lines += body.count(b"\r") - body.count(b"\r\n") if has_returns else 0
    if rows.num_rows != lines + (body[-1:] not in (b"\n", b"\r")):
        return None  # a value has several lines
    return Sheet(
        header, rows.columns, range(begins, begins + rows.num_rows), terms=_terms(delimiter, begins)
    )


def _any_sheet(
    text: bytes, delimiter: str, header: list[list[str]], width: int, begins: int, locator: str
) -> Sheet:
    """The rows of any file, by the standard library's reader."""
    rows = (row for row in _rows(text, delimiter, locator) if row[0] >= begins)
    batches: list[list[pa.Array]] = []
    lines: list[int] = []
    defects: list[str | None] = []
    while batch := list(islice(rows, _BATCH_ROWS)):
        lines += [line for line, _ in batch]
        cells = [values for _, values in batch]
        defects += [
            None if len(row) == width else sheets.ragged(row, width, delimiter) for row in cells
        ]
        fitted = [[*row[:width], *[None] * (width - len(row))] for row in cells]
        batches.append([pa.array(column, pa.string()) for column in zip(*fitted, strict=True)])
    columns = [pa.chunked_array(chunks, pa.string()) for chunks in zip(*batches, strict=True)]
    has_defects = any(defect is not None for defect in defects)
    told = pa.array(defects, pa.string()) if has_defects else None
    return Sheet(header, columns, lines, told, terms=_terms(delimiter, begins))


def _terms(delimiter: str, begins: int) -> dict[str, object]:
    return {"delimiter": delimiter, "first_line": begins}


def _without_footer(sheet: Sheet, locator: str) -> Sheet:
    count = len(sheet.lines)
    last = [column.slice(max(0, count - _LAST_ROWS)).to_pylist() for column in sheet.columns]
    remarks = heads.footer_of(list(zip(*last, strict=True)))
    if not remarks:
        return sheet
    kept = count - remarks
    if not kept:
        raise sheets.without_rows(locator, sheet.header[-1] if sheet.header else [])
    defects = sheet.defects and sheet.defects.slice(0, kept)
    if defects is not None and defects.null_count == kept:
        defects = None
    return Sheet(
        sheet.header,
        [column.slice(0, kept) for column in sheet.columns],
        sheet.lines[:kept],
        defects,
        terms=sheet.terms | {"footer": remarks},
        notes=(f"remarks below the rows, from line {sheet.lines[kept]} on",),
    )


def _quotes_are_ends(body: bytes, delimiter: str) -> bool:
    """Whether every quote begins or ends a value, in turn."""
    if b'"' not in body:
        return True
    content = np.frombuffer(body, np.uint8)
    quotes = np.flatnonzero(content == ord('"'))
    if len(quotes) % 2:
        return False
    before, after = quotes[0::2] - 1, quotes[1::2] + 1
    ends = (ord(delimiter), ord("\n"), ord("\r"))
    left, right = content[before], content[np.minimum(after, len(content) - 1)]
    opens = reduce(or_, (left == end for end in ends), before < 0)
    closes = reduce(or_, (right == end for end in ends), after == len(content))
    return bool(opens.all() and closes.all())


def _start_of_line(text: bytes, line: int) -> int:
    """Where a line begins, from 1, as an editor counts lines."""
    start = 0
    ends = re.compile(rb"\r\n|\n|\r")
    for _ in range(line - 1):
        end = ends.search(text, start)
        if end is None:
            return len(text)
        start = end.end()
    return start


def _delimiter_of(text: bytes) -> str:
    """The delimiter that makes most rows of data of the first lines; else of most columns."""
    head = text[:_SAMPLE_BYTES]
    head = head if len(head) == len(text) else head.rpartition(b"\n")[0]
    lines = head.decode(errors="replace").splitlines()[:_SAMPLE_ROWS]

    def fitness(delimiter: str) -> tuple[int, int]:
        try:
            rows = list(csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            return 0, 0
        widths = Counter(len(cells) for cells in rows if heads.is_data(cells))
        [(width, count)] = widths.most_common(1) or [(0, 0)]
        return (count, width) if width > 1 else (0, 0)

    fitting = {delimiter: fitness(delimiter) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=fitting.__getitem__)
    if fitting[best][0]:
        return best
    header = next((line for line in lines if line.strip()), "")
    return max(DELIMITERS, key=re.sub(r'"[^"]*"', "", header).count)


def _rows(text: bytes, delimiter: str, locator: str) -> Iterator[Row]:
    """Each row that is not blank, the header first, with the line it begins on."""
    lines = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", newline="")
    reader = csv.reader(chain(lines, [_END]), delimiter=delimiter)
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
    except csv.Error as broken:
        raise SourceError(
            f"{locator}: the row that begins on line {line} cannot be read: {broken}",
            next_step="close the quote on that line, or remove it, and run again",
        ) from None
