"""Which column of a sheet holds what: the time, the symbol, the fields of one series or many."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentinel_lib.errors import Question, SourceError
from sentinel_lib.ingestion.dialects.contents import (
    SAMPLED,
    are_prices,
    encloses,
    has_dates_alone,
    has_letters,
    has_times,
    sample,
)
from sentinel_lib.ingestion.dialects.headers import is_index, is_unnamed, named_columns, series_in
from sentinel_lib.ingestion.dialects.numbers import looks_like_number
from sentinel_lib.ingestion.dialects.sheets import Sheet
from sentinel_lib.ingestion.dialects.times import is_clock
from sentinel_lib.ingestion.dialects.vocabulary import (
    ALIASES,
    CLOCKS,
    CURRENCIES,
    NOT_A_SERIES,
    field_of,
    plain,
)
from sentinel_lib.records.bar import VALUE_COLUMNS

_OF_ONE_VALUE = frozenset({"value", "rate", "nav", "prc"})
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
    def is_wide(self) -> bool:
        """Whether several series stand beside each other."""
        return len(self.series) > 1

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


def roles_in(sheet: Sheet, wanted: Mapping[Any, str], locator: str) -> Roles:
    """What the columns of ``sheet`` are for. ``wanted`` names some, and comes before all else.

    Raises ``SourceError`` if there is no time or no price, ``Question`` if there is a choice.
    """
    names, symbols = named_columns(sheet.header, len(sheet.columns))
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
    groups = series_in(names, symbols, free)
    if groups and not values:
        series = [
            Series(name, _fields(places, locator, names)) for name, places in sorted(groups.items())
        ]
        complete = [each for each in series if "close" in each.positions]
        if not complete:
            raise _lacking(names, "close", locator)
        return Roles(tuple(names), time, clock, symbol, tuple(complete))
    positions = values | _fields({at: names[at] for at in free}, locator, names, values)
    if "close" not in chosen and _is_other_value(names, positions):
        raise _lacking(names, "close", locator)
    if not positions:
        left = [at for at in free if not is_unnamed(names[at])]
        if len(left) == 1:
            positions["close"] = left[0]
        elif symbol is None and _are_series(sheet, names, left):
            panel = tuple(Series(names[at], {"close": at}) for at in left)
            return Roles(tuple(names), time, clock, None, panel)
    if "close" not in positions:
        raise _lacking(names, "close", locator)
    return Roles(tuple(names), time, clock, symbol, (Series(None, positions),))


def _fields(
    places: Mapping[int, str], locator: str, names: Sequence[str], taken: Iterable[str] = ()
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
    clocks = [at for at in called if words[at] in CLOCKS and is_clock(sheet.head(at, SAMPLED))]
    full = [at for at in called if at not in clocks and has_times(sheet, at)]
    if not called:
        indexes = [at for at, name in enumerate(names) if is_index(name, at)]
        full = [at for at in indexes if has_times(sheet, at, with_numbers=True)]
        called = full or [at for at in range(len(names)) if has_times(sheet, at)]
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
    return time, clocks[0] if clocks and has_dates_alone(sheet, time) else None


def _symbol(sheet: Sheet, names: Sequence[str], free: Sequence[int], locator: str) -> int | None:
    words = {at: plain(names[at]) for at in free}
    for alias in ALIASES["symbol"]:
        matches = [at for at in free if words[at] == alias]
        if alias not in _WITH_DIGITS_ALONE:
            matches = [at for at in matches if has_letters(sheet, at)]
        if len(matches) > 1:
            raise _ambiguous([names[at] for at in matches], "symbol", locator)
        if matches:
            return matches[0]
    return None


def _is_other_value(names: Sequence[str], positions: Mapping[str, int]) -> bool:
    """Whether the close is a ``Value`` beside other prices: there it is the turnover."""
    close = positions.get("close")
    has_prices = any(name in positions for name in ("open", "high", "low"))
    return has_prices and close is not None and plain(names[close]) in _OF_ONE_VALUE


def _are_series(sheet: Sheet, names: Sequence[str], places: Sequence[int]) -> bool:
    """Whether these columns are a series each: numbers, under names that are nothing else.

    Four of them side by side that enclose each other are the prices of one series, in a language
    that is not known.
    """
    words = [plain(names[at]) for at in places]
    is_known = any(word in NOT_A_SERIES or field_of(word) for word in words)
    if len(places) < 2 or len(set(words)) < len(words) or is_known:
        return False
    if not all(all(map(looks_like_number, sample(sheet, at))) for at in places):
        return False
    return not any(are_prices(sheet, places[at : at + 4]) for at in range(len(places) - 3))


def _without_header(
    sheet: Sheet, names: list[str], chosen: Mapping[str, int], locator: str
) -> Roles:
    """The usual order: time, open, high, low, close, volume; where the prices are in that order."""
    width = len(names)
    time = chosen.get("timestamp", 0)
    clock, symbol = None, chosen.get("symbol")
    values = {field: at for field, at in chosen.items() if field in VALUE_COLUMNS}
    if not chosen:
        if not has_times(sheet, 0, with_numbers=True) and width > 1 and has_letters(sheet, 0):
            symbol, time = 0, 1
        at = time + 1
        if (
            at + 1 < width
            and is_clock(sheet.head(at, SAMPLED))
            and ":" in "".join(sample(sheet, at)[:1])
        ):
            clock, at = at, at + 1
        if width - at == 1:
            values = {"close": at}
        elif width - at >= 4 and encloses(sheet, at):
            values = dict(
                zip(("open", "high", "low", "close", "volume"), range(at, width), strict=False)
            )
    if "close" not in values or not has_times(sheet, time, with_numbers=True):
        first = ", ".join(column[0].as_py() or "" for column in sheet.columns)
        raise Question(
            f"{locator} has no header, and its values do not tell what they are",
            observed=f"first row: {first}",
            expected="time, open, high, low, close, volume, in this order",
            next_step="say what the columns are: columns: {timestamp: column_1, close: column_2} "
            "in the options of the files source, or write a header line",
        )
    return Roles(tuple(names), time, clock, symbol, (Series(None, values),))


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
