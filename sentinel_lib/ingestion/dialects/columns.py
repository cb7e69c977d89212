"""Which column of a sheet holds what: the time, the symbol, the fields of one series or many."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sentinel_lib.errors import Question, SourceError
from sentinel_lib.ingestion.dialects.numbers import looks_like_number
from sentinel_lib.ingestion.dialects.sheets import Sheet
from sentinel_lib.ingestion.dialects.times import is_clock, looks_like_time
from sentinel_lib.ingestion.dialects.vocabulary import (
    ALIASES,
    CLOCKS,
    CURRENCIES,
    NOT_A_SERIES,
    field_of,
    plain,
)
from sentinel_lib.records.bar import MISSING_WORDS, VALUE_COLUMNS
from sentinel_lib.settings.sources import PayloadColumn

LONG, WIDE, SINGLE = "long", "wide", "single"
"""A symbol in every row; several series beside each other; one series."""

_SAMPLED = 200
_FEWEST_OF_A_SERIES = 3
_FIELD = r"open|high|low|close|volume|adjusted|adj[ _]?close"
_PREFIXED = re.compile(rf"(?P<symbol>.+)\.(?P<field>{_FIELD})", re.IGNORECASE)
_SUFFIXED = re.compile(rf"(?P<field>{_FIELD})[ _](?P<symbol>.+)", re.IGNORECASE)
_PAIR = re.compile(r"\('(?P<first>[^']*)', '(?P<second>[^']*)'\)")
_UNNAMED = re.compile(r"(Unnamed: \d+(_level_\d+)?|__index_level_\d+__|index|None)?")
_WITH_DIGITS_ALONE = frozenset({"symbol", "ticker", "tic", "code", "tscode"}) | {
    plain(word) for word in ("コード", "銘柄コード", "종목코드", "代码", "股票代码", "证券代码")
}


@dataclass(frozen=True, slots=True)
class Series:
    """Where the fields of one series stand; ``symbol`` is its name, if the columns say it."""

    symbol: str | None
    positions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a sheet are for. ``names`` are theirs; ``clock`` is the column of the
    time of day where ``time`` has the date alone, ``symbol`` that of symbols.
    """

    names: tuple[str, ...]
    time: int
    clock: int | None
    symbol: int | None
    series: tuple[Series, ...]

    @property
    def shape(self) -> str:
        """``long``, ``wide`` or ``single``."""
        if self.symbol is not None:
            return LONG
        return WIDE if len(self.series) > 1 else SINGLE

    def fields(self) -> dict[str, int]:
        """The field and the position of every column that is read, of a wide sheet its first
        series; the time of day counts as ``clock``.
        """
        places = {"timestamp": self.time, "clock": self.clock, "symbol": self.symbol}
        known = {name: at for name, at in places.items() if at is not None}
        return known | dict(self.series[0].positions)

    def readers(self) -> dict[int, tuple[str, ...]]:
        """The fields that each column is read for."""
        fields: dict[int, set[str]] = {self.time: {"timestamp"}}
        if self.clock is not None:
            fields.setdefault(self.clock, set()).add("timestamp")
        if self.symbol is not None:
            fields.setdefault(self.symbol, set()).add("symbol")
        for series in self.series:
            for name, at in series.positions.items():
                fields.setdefault(at, set()).add(name)
        return {at: tuple(sorted(names)) for at, names in fields.items()}


def roles_in(sheet: Sheet, wanted: Mapping[PayloadColumn, str], locator: str) -> Roles:
    """What the columns of ``sheet`` are for. ``wanted`` names some, and comes before all else.

    Raises ``SourceError`` if there is no time or no price, ``Question`` if there is a choice.
    """
    names, symbols = _levels(sheet)
    chosen: dict[str, int] = {
        field: _named(names, field, name, locator) for field, name in wanted.items()
    }
    if not sheet.header:
        return _without_header(sheet, names, chosen, locator)
    time, clock = _times(sheet, names, chosen, locator)
    free = [at for at in range(len(names)) if at not in {time, clock, *chosen.values()}]
    symbol = chosen.get("symbol", _symbol(sheet, names, free, locator))
    values = {field: at for field, at in chosen.items() if field in VALUE_COLUMNS}
    free = [at for at in free if at != symbol]
    groups = _groups(names, symbols, free)
    if groups and not values:
        series = [
            Series(name, _fields(places, locator, names)) for name, places in sorted(groups.items())
        ]
        complete = [each for each in series if "close" in each.positions]
        if not complete:
            raise _lacking(names, "close", locator)
        return Roles(tuple(names), time, clock, symbol, tuple(complete))
    positions = values | _fields({at: names[at] for at in free}, locator, names, values)
    if "close" not in positions and not positions:
        left = [at for at in free if not _is_unnamed(names[at])]
        if len(left) == 1:
            positions["close"] = left[0]
        elif symbol is None and _are_series(sheet, names, left):
            panel = tuple(Series(names[at], {"close": at}) for at in left)
            return Roles(tuple(names), time, clock, None, panel)
    if "close" not in positions:
        raise _lacking(names, "close", locator)
    return Roles(tuple(names), time, clock, symbol, (Series(None, positions),))


def _levels(sheet: Sheet) -> tuple[list[str], list[str | None]]:
    """The name of each column, and of the series it belongs to where a line of the header tells."""
    width = len(sheet.columns)
    if not sheet.header:
        return [f"column_{at + 1}" for at in range(width)], [None] * width
    rows = [[*names, *[""] * (width - len(names))] for names in sheet.header]
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


def _groups(
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


def _fields(
    places: Mapping[int, str],
    locator: str,
    names: Sequence[str],
    taken: Iterable[str] = (),
) -> dict[str, int]:
    """The position of each value field among columns, by the best of its names."""
    words = {at: plain(name) for at, name in places.items()}
    positions: dict[str, int] = {}
    for field in VALUE_COLUMNS:
        if field in taken:
            continue
        by_alias = ([at for at in words if words[at] == alias] for alias in ALIASES[field])
        matches = next(filter(None, by_alias), [])
        if field == "volume" and len(matches) != 1:
            matches = _base_volume(places) or matches
        if len(matches) > 1:
            raise _ambiguous([names[at] for at in matches], field, locator)
        if matches:
            positions[field] = matches.pop()
            del words[positions[field]]
    return positions


def _base_volume(names: Mapping[int, str]) -> list[int]:
    """Of ``Volume BTC`` and ``Volume_(USD)`` the first: what is traded, not what is paid."""
    units = {at: re.fullmatch(r"volume[ _(]+(\w+)\)?", name.lower()) for at, name in names.items()}
    named = [at for at, unit in units.items() if unit]
    paid = {"currency", "quote", *CURRENCIES}
    traded = [at for at in named if (unit := units[at]) and unit[1] not in paid]
    return (traded or named)[:1]


def _times(
    sheet: Sheet, names: Sequence[str], chosen: Mapping[str, int], locator: str
) -> tuple[int, int | None]:
    """The column of times, and that of the time of day if the first has dates alone."""
    if "timestamp" in chosen:
        return chosen["timestamp"], None
    words = [plain(name) for name in names]
    called = [
        at for alias in ALIASES["timestamp"] for at, word in enumerate(words) if word == alias
    ]
    clocks = [at for at in called if words[at] in CLOCKS and is_clock(sheet.head(at, _SAMPLED))]
    full = [at for at in called if at not in clocks and _has_times(sheet, at)]
    if not called:
        indexes = [at for at, name in enumerate(names) if _is_index(name, at)]
        full = [at for at in indexes if _has_times(sheet, at, with_numbers=True)]
        called = full or [at for at in range(len(names)) if _has_times(sheet, at)]
        if not full and len(called) != 1:
            raise _lacking(names, "timestamp", locator)
    time = (full or called)[0]
    alike = [at for at in full if words[at] == words[time]]
    if len(alike) > 1:
        raise _ambiguous([names[at] for at in alike], "timestamp", locator)
    if time in clocks:
        raise _lacking(names, "timestamp", locator)
    if len(clocks) > 1:
        raise _ambiguous([names[at] for at in clocks], "timestamp", locator)
    return time, clocks[0] if clocks and _has_dates_alone(sheet, time) else None


def _has_times(sheet: Sheet, at: int, *, with_numbers: bool = False) -> bool:
    """Whether most values of a column are times; whole numbers may be, where its name says so."""
    values = _sample(sheet, at)
    times = [text for text in values if looks_like_time(text)]
    is_named = with_numbers or field_of(sheet.header[0][at] if sheet.header else "") == "timestamp"
    if not is_named:
        times = [text for text in times if not text.isdecimal()]
    if is_named and not times:
        times = [text for text in values if re.fullmatch(r"\d{5}(\.\d+)?", text)]
    return len(times) * 2 > len(values)


def _has_dates_alone(sheet: Sheet, at: int) -> bool:
    return not any(":" in text or re.fullmatch(r"\d{9,}.*", text) for text in _sample(sheet, at))


def _symbol(sheet: Sheet, names: Sequence[str], free: Sequence[int], locator: str) -> int | None:
    words = {at: plain(names[at]) for at in free}
    for alias in ALIASES["symbol"]:
        matches = [at for at in free if words[at] == alias]
        if alias not in _WITH_DIGITS_ALONE:
            matches = [at for at in matches if _has_letters(sheet, at)]
        if len(matches) > 1:
            raise _ambiguous([names[at] for at in matches], "symbol", locator)
        if matches:
            return matches[0]
    return None


def _has_letters(sheet: Sheet, at: int) -> bool:
    values = _sample(sheet, at)
    return sum(re.search(r"[^\W\d]", text) is not None for text in values) * 2 > len(values)


def _are_series(sheet: Sheet, names: Sequence[str], places: Sequence[int]) -> bool:
    """Whether these columns are a series each: numbers, under names that are nothing else."""
    words = [plain(names[at]) for at in places]
    is_known = any(word in NOT_A_SERIES or field_of(word) for word in words)
    if len(places) < 2 or len(set(words)) < len(words) or is_known:
        return False
    return all(all(map(looks_like_number, _sample(sheet, at))) for at in places)


def _sample(sheet: Sheet, at: int) -> list[str]:
    """The first values of a column that are there."""
    texts = (text.strip() for text in sheet.head(at, _SAMPLED).to_pylist() if text)
    return [text for text in texts if text.lower() not in MISSING_WORDS]


def _without_header(
    sheet: Sheet, names: list[str], chosen: Mapping[str, int], locator: str
) -> Roles:
    """The usual order: time, open, high, low, close, volume; where the prices are in that order."""
    width = len(names)
    time = chosen.get("timestamp", 0)
    clock, symbol = None, chosen.get("symbol")
    values = {field: at for field, at in chosen.items() if field in VALUE_COLUMNS}
    if not chosen:
        if not _has_times(sheet, 0, with_numbers=True) and width > 1 and _has_letters(sheet, 0):
            symbol, time = 0, 1
        at = time + 1
        if (
            at + 1 < width
            and is_clock(sheet.head(at, _SAMPLED))
            and ":" in "".join(_sample(sheet, at)[:1])
        ):
            clock, at = at, at + 1
        if width - at == 1:
            values = {"close": at}
        elif width - at >= 4 and _encloses(sheet, at):
            values = dict(
                zip(("open", "high", "low", "close", "volume"), range(at, width), strict=False)
            )
    if "close" not in values or not _has_times(sheet, time, with_numbers=True):
        first = ", ".join(column[0].as_py() or "" for column in sheet.columns)
        raise Question(
            f"{locator} has no header, and its values do not tell what they are",
            observed=f"first row: {first}",
            expected="time, open, high, low, close, volume, in this order",
            next_step="say what the columns are: columns: {timestamp: column_1, close: column_2} "
            "in the options of the files source, or write a header line",
        )
    return Roles(tuple(names), time, clock, symbol, (Series(None, values),))


def _encloses(sheet: Sheet, at: int) -> bool:
    """Whether of four columns the second is always the highest, and the third the lowest."""
    columns = [sheet.head(place, _SAMPLED).to_pylist() for place in range(at, at + 4)]
    for row in zip(*columns, strict=True):
        try:
            first, high, low, last = (float((text or "").replace(",", ".")) for text in row)
        except ValueError:
            return False
        if not (low <= min(first, last) and max(first, last) <= high):
            return False
    return True


def _named(names: Sequence[str], field: str, name: str, locator: str) -> int:
    exact = [at for at, column in enumerate(names) if column == name.strip()]
    alike = [at for at, column in enumerate(names) if plain(column) == plain(name)]
    matches = exact or alike
    if not matches:
        raise SourceError(
            f"{locator} has no column '{name}', which columns.{field} names",
            observed=f"the columns {_quoted(names)}",
            next_step=f"correct columns: {{{field}: ...}} in the options of the files source",
        )
    if len(matches) > 1:
        raise _ambiguous([names[at] for at in matches], field, locator)
    return matches[0]


def _is_unnamed(name: str) -> bool:
    return _UNNAMED.fullmatch(name) is not None


def _is_index(name: str, at: int) -> bool:
    """CSV writes a pandas index first and without a name, Parquet last and with a made-up one."""
    return _is_unnamed(name) and (at == 0 or name.startswith("__index_level_"))


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _ambiguous(names: Sequence[str], field: str, locator: str) -> Question:
    return Question(
        f"{locator} has more than one column that could be the {field}",
        observed=f"the columns {_quoted(names)}",
        expected=f"one {field} column",
        next_step=f"say which: columns: {{{field}: ...}} in the options of the files source, "
        "or give the columns different names",
    )


def _lacking(names: Sequence[str], field: str, locator: str) -> SourceError:
    role = "price" if field == "close" else field
    words = ", ".join(ALIASES[field][:12])
    return SourceError(
        f"{locator} has no {role} column",
        observed=f"the columns {_quoted(names)}",
        expected=f"a column named {words}, or so in another language",
        next_step=f"name it: columns: {{{field}: ...}} in the options of the files source",
    )
