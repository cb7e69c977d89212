"""Where a table begins and ends among the rows of a file: its header, its data, its remarks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sentinel_lib.ingestion.dialects.date_forms import looks_like_time
from sentinel_lib.ingestion.dialects.numbers import looks_like_number
from sentinel_lib.ingestion.dialects.vocabulary import field_of, plain
from sentinel_lib.records.bar import MISSING_WORDS

_ABOVE_A_HEADER = 50
_LEVELS = frozenset({"", "ticker", "tickers", "symbol", "symbols", "date", "datetime", "price"})

Row = tuple[int, list[str]]
"""The line that a row begins on, and its cells."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the names are among the first rows, and where the data begin, as places in them.

    ``width`` is how many cells a row of data has: as many as the header, if any has.
    """

    names: tuple[int, ...]
    data: int
    width: int


def head_of(rows: Sequence[Row]) -> Head:
    """Where the header is: the row that knows most names of columns, and rows of levels beside it.

    Without such a row it is the one above the first that looks like data; and if that is the first
    of all, there is none.
    """
    data = next((at for at, (_, cells) in enumerate(rows) if is_data(cells)), None)
    above = rows[: min(_ABOVE_A_HEADER, len(rows) if data is None else data)]
    known = [sum(field_of(cell) is not None for cell in cells) for _, cells in above]
    best = known.index(max(known)) if any(known) else None
    if best is None:
        is_named = bool(above) and (data is None or not _has_values(above[-1][1]))
        best = (0 if data is None else data - 1) if is_named else None
    if best is None:
        return Head((), 0, len(rows[0][1]) if rows else 0)
    names = [best]
    if best and _is_level(rows[best - 1][1]) and len(rows[best - 1][1]) > 2:
        names.insert(0, best - 1)
    while len(names) < 3 and names[-1] + 1 < len(rows) and _is_level(rows[names[-1] + 1][1]):
        names.append(names[-1] + 1)
    first = names[-1] + 1
    widths = Counter(len(cells) for _, cells in rows[first:] if is_data(cells))
    width = len(rows[best][1])
    if widths and width not in widths:
        [(width, _)] = widths.most_common(1)
    return Head(tuple(names), first, width)


def is_data(cells: Sequence[str]) -> bool:
    """Whether a row has a time in one cell and a number in another."""
    if len(cells) < 2:
        return False
    times = {at for at, cell in enumerate(cells) if looks_like_time(cell)}
    times |= {0} if cells and _is_serial(cells[0]) else set()
    numbers = {at for at, cell in enumerate(cells) if looks_like_number(cell)}
    return bool(times) and len(numbers | times) > 1 and bool(numbers)


def fitted(names: list[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """``names`` for ``rows`` of ``width`` cells: a separator at the end of each row, or a column of
    row labels in front, has no name. Other cells that are too many are what is wrong with a row.
    """
    missing = width - len(names)
    if missing <= 0 or not names:
        return names
    wide = [cells for cells in rows if len(cells) == width]
    if all(not any(cell.strip() for cell in cells[len(names) :]) for cells in wide):
        return [*names, *[""] * missing]
    named = next((at for at, name in enumerate(names) if field_of(name) == "timestamp"), None)
    shifted = 0 if named is None else named + 1
    has_labels = missing == 1 and all(looks_like_time(cells[shifted]) for cells in wide)
    if named is not None:
        has_labels = has_labels and not any(looks_like_time(cells[named]) for cells in wide)
    return ["", *names] if has_labels else names


def footer_of(rows: Sequence[Sequence[str | None]]) -> int:
    """How many of the last rows are remarks: a text in one cell, or in a row that is cut short,
    without a time or a number.
    """
    count = 0
    for cells in reversed(rows):
        texts = [cell.strip() for cell in cells if cell]
        written = [text for text in texts if text.lower() not in MISSING_WORDS]
        is_remark = len(written) == 1 or (len(written) == 2 and None in cells)
        if not is_remark or _has_values(written):
            break
        count += 1
    return count


def _is_serial(cell: str) -> bool:
    text = cell.strip().split(".")[0]
    return len(text) == 5 and text.isdecimal()


def _has_values(cells: Sequence[str]) -> bool:
    return any(looks_like_time(cell) or looks_like_number(cell) for cell in cells)


def _is_level(cells: Sequence[str]) -> bool:
    """Whether a row names a level of the columns: their tickers, or the index."""
    if not cells or plain(cells[0]) not in _LEVELS or _has_values(cells):
        return False
    others = [cell for cell in cells[1:] if cell.strip()]
    return bool(others) if not cells[0].strip() else len(others) in (0, len(cells) - 1)
