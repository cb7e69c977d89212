"""What stands in the first rows of a sheet's columns, whatever they are called."""

import re
from collections.abc import Sequence
from contextlib import suppress

from sentinel_lib.ingestion.dialects.date_forms import looks_like_time
from sentinel_lib.ingestion.dialects.sheets import Sheet
from sentinel_lib.ingestion.dialects.vocabulary import field_of
from sentinel_lib.records.bar import MISSING_WORDS

SAMPLED = 200
_NEAR = 1.25


def has_times(sheet: Sheet, at: int, *, with_numbers: bool = False) -> bool:
    """Whether most values of a column are times; whole numbers may be, where its name says so."""
    values = sample(sheet, at)
    times = [text for text in values if looks_like_time(text)]
    is_named = with_numbers or field_of(sheet.header[0][at] if sheet.header else "") == "timestamp"
    if not is_named:
        times = [text for text in times if not text.isdecimal()]
    if is_named and not times:
        times = [text for text in values if re.fullmatch(r"\d{5}(\.\d+)?", text)]
    return len(times) * 2 > len(values)


def has_dates_alone(sheet: Sheet, at: int) -> bool:
    return not any(":" in text or re.fullmatch(r"\d{9,}.*", text) for text in sample(sheet, at))


def has_letters(sheet: Sheet, at: int) -> bool:
    values = sample(sheet, at)
    return sum(re.search(r"[^\W\d]", text) is not None for text in values) * 2 > len(values)


def are_prices(sheet: Sheet, places: Sequence[int]) -> bool:
    """Whether one of four columns is the highest in every row, another the lowest, and all of them
    are close to each other.
    """
    rows = _rows(sheet, places)
    if not rows:
        return False
    highest = [at for at in range(4) if all(row[at] == max(row) for row in rows)]
    lowest = [at for at in range(4) if all(row[at] == min(row) for row in rows)]
    are_near = all(max(row) <= _NEAR * min(row) for row in rows)
    return are_near and bool(highest) and bool(lowest)


def encloses(sheet: Sheet, at: int) -> bool:
    """Whether of four columns the second is always the highest, and the third the lowest."""
    rows = _rows(sheet, range(at, at + 4))
    is_whole = len(rows) == min(SAMPLED, len(sheet.lines))
    return is_whole and all(
        low <= min(first, last) and max(first, last) <= high for first, high, low, last in rows
    )


def _rows(sheet: Sheet, places: Sequence[int]) -> list[list[float]]:
    """The first rows of some columns, about as they are: the decimal mark is not settled yet. Rows
    with a text that is not a number are left out.
    """
    columns = [sheet.head(at, SAMPLED).to_pylist() for at in places]
    rows = []
    for row in zip(*columns, strict=True):
        with suppress(ValueError):
            rows.append([float(_about(text or "")) for text in row])
    return rows


def _about(text: str) -> str:
    """``1.234,5`` and ``1,234.5`` as ``1234.5``."""
    digits = re.sub(r"[^0-9.,eE+-]", "", text)
    first = re.search(r"[.,]", digits)
    if first and len(set(re.findall(r"[.,]", digits))) == 2:
        digits = digits.replace(first[0], "")
    return digits.replace(",", ".")


def sample(sheet: Sheet, at: int) -> list[str]:
    """The first values of a column that are there."""
    texts = (text.strip() for text in sheet.head(at, SAMPLED).to_pylist() if text)
    return [text for text in texts if text.lower() not in MISSING_WORDS]
