"""The names in a header: of columns, and of the series that they belong to."""

import re
from collections.abc import Iterable, Sequence

from sentinel_lib.ingestion.dialects.vocabulary import NOT_A_SERIES, field_of, plain

_FEWEST_OF_A_SERIES = 3
_FIELD = r"open|high|low|close|volume|adjusted|adj[ _]?close"
_PREFIXED = re.compile(rf"(?P<symbol>.+)\.(?P<field>{_FIELD})", re.IGNORECASE)
_SUFFIXED = re.compile(rf"(?P<field>{_FIELD})[ _](?P<symbol>.+)", re.IGNORECASE)
_UNNAMED = re.compile(r"(Unnamed: \d+(_level_\d+)?|__index_level_\d+__|index|None)?")
_PAIR = re.compile(r"\('(?P<first>[^']*)', '(?P<second>[^']*)'\)")


def named_columns(
    header: Sequence[Sequence[str]], width: int
) -> tuple[list[str], list[str | None]]:
    """The name of each column, and of the series it belongs to where a line of the header tells.

    Without a header they are ``column_1``, ``column_2`` and so on.
    """
    if not header:
        return [f"column_{at + 1}" for at in range(width)], [None] * width
    rows = [[*names, *[""] * (width - len(names))] for names in header]
    if len(rows) == 1:
        return _of_pairs(rows[0])
    fields = max(rows, key=lambda row: sum(field_of(name) is not None for name in row[1:]))
    others = [row for row in rows if row is not fields]
    symbols: list[str | None] = [None] * width
    first = next((row[0] for row in others if not any(row[1:]) and row[0]), fields[0])
    for row in others:
        are_units = not row[0] and field_of(fields[0]) == "timestamp"
        if any(row[1:]) and not are_units:
            symbols = [None, *(name or None for name in row[1:])]
    return [first, *fields[1:]], symbols


def _of_pairs(names: list[str]) -> tuple[list[str], list[str | None]]:
    """Names such as ``('Close', 'AAPL')``, which columns with two levels have in Parquet."""
    pairs = [_PAIR.fullmatch(name) for name in names]
    known = {
        part: sum(field_of(pair[part]) is not None for pair in pairs if pair)
        for part in ("first", "second")
    }
    field, symbol = (
        ("first", "second") if known["first"] >= known["second"] else ("second", "first")
    )
    if known[field] < 2:
        return names, [None] * len(names)
    return (
        [pair[field] if pair else name for pair, name in zip(pairs, names, strict=True)],
        [pair[symbol] if pair else None for pair in pairs],
    )


def series_in(
    names: Sequence[str], symbols: Sequence[str | None], free: Iterable[int]
) -> dict[str, dict[int, str]]:
    """The columns of each series by the name of it: in a line of the header, or in their names."""
    groups: dict[str, dict[int, str]] = {}
    for at in free:
        symbol, name = symbols[at], names[at]
        if symbol is None and plain(name) not in NOT_A_SERIES and field_of(name) != "close":
            match = _PREFIXED.fullmatch(name) or _SUFFIXED.fullmatch(name)
            if match and plain(match["symbol"]) not in ("adj", "adjusted"):
                symbol, name = match["symbol"], match["field"]
        if symbol is not None:
            groups.setdefault(symbol, {})[at] = name
    is_told = any(symbols)
    return {
        symbol: places
        for symbol, places in groups.items()
        if is_told or len(places) >= _FEWEST_OF_A_SERIES
    }


def is_unnamed(name: str) -> bool:
    """Whether a column has no name, or one that pandas made up."""
    return _UNNAMED.fullmatch(name) is not None


def is_index(name: str, at: int) -> bool:
    """CSV writes a pandas index first and without a name, Parquet last and with a made-up one."""
    return is_unnamed(name) and (at == 0 or name.startswith("__index_level_"))
