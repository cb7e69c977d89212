"""Excel workbooks (.xlsx): the one sheet that has something in it."""

import io
import zipfile
from datetime import date, datetime, time, timedelta

import pyarrow as pa

from sentinel_lib.errors import Question, SourceError, listed
from sentinel_lib.ingestion.dialects import heads, sheets
from sentinel_lib.ingestion.dialects.heads import Row
from sentinel_lib.ingestion.dialects.limits import require_room
from sentinel_lib.ingestion.dialects.sheets import Sheet


class _Number(str):
    """A cell that holds a number, not the text of one."""


Value = int | float | str | bool | datetime | date | time | timedelta


def workbook_sheet(content: bytes, locator: str) -> Sheet:
    """The rows of a workbook, each with the number that Excel shows. A hidden sheet is not read.

    Raises ``Question`` if several sheets have rows, ``SourceError`` if none has, or it is broken.
    """
    tables = _tables(content, locator)
    if len(tables) > 1:
        raise Question(
            f"{locator} has several sheets with something in them",
            observed=listed(tables),
            expected="one sheet",
            next_step="save the sheet with the bars as a workbook, or as CSV, of its own",
        )
    rows = next(iter(tables.values()), [])
    if not rows:
        raise SourceError(f"{locator} is empty", next_step=sheets.WRITE_AGAIN)
    head = heads.head_of(rows)
    below = rows[head.data :]
    below = below[: len(below) - heads.footer_of([cells for _, cells in below[-10:]])]
    header = [[cell.strip() for cell in rows[at][1]] for at in head.names]
    if not below:
        raise sheets.without_rows(locator, header[-1] if header else [])
    columns = list(zip(*(cells for _, cells in below), strict=True))
    numeric = {
        at
        for at, column in enumerate(columns)
        if all(isinstance(cell, _Number) for cell in column if cell)
    }
    return Sheet(
        header,
        [pa.chunked_array([pa.array(map(str, column), pa.string())]) for column in columns],
        [line for line, _ in below],
        numeric=frozenset(numeric),
        terms={"first_line": below[0][0]},
    )


def _tables(content: bytes, locator: str) -> dict[str, list[Row]]:
    """The rows that are not blank, of each visible sheet that has any."""
    import python_calamine

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            require_room(sum(member.file_size for member in packed.infolist()), locator)
        workbook = python_calamine.load_workbook(io.BytesIO(content))
        visible = [
            sheet.name
            for sheet in workbook.sheets_metadata
            if sheet.visible == python_calamine.SheetVisibleEnum.Visible
        ]
        tables = {}
        for name in visible:
            sheet = workbook.get_sheet_by_name(name)
            first = sheet.start[0] + 1 if sheet.start else 1
            rows = enumerate(sheet.to_python(skip_empty_area=True), first)
            written = [(line, [_written(value) for value in row]) for line, row in rows]
            tables[name] = [(line, cells) for line, cells in written if any(cells)]
    except (python_calamine.CalamineError, zipfile.BadZipFile, OSError) as broken:
        raise SourceError(
            f"{locator} cannot be read as an Excel workbook: {broken}",
            next_step=sheets.WRITE_AGAIN,
        ) from None
    return {name: rows for name, rows in tables.items() if rows}


def _written(value: Value) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        is_whole = isinstance(value, int) or value.is_integer()
        return _Number(int(value) if is_whole else value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.strip() if isinstance(value, str) else str(value)
