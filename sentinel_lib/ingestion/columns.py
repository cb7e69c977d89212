"""Which column of a file holds which field of a bar."""

import re
from collections.abc import Mapping, Sequence

from sentinel_lib.errors import SourceError
from sentinel_lib.settings.sources import PayloadColumn

ALIASES: dict[str, tuple[str, ...]] = {
    field: tuple(names.split())
    for field, names in {
        "timestamp": "timestamp datetime date time day opentime observationdate tradedate "
        "tradingday period session",
        "symbol": "symbol ticker asset instrument",
        "open": "open openprice openingprice",
        "high": "high highprice highestprice",
        "low": "low lowprice lowestprice",
        "close": "close closeprice closingprice close/last price last value",
        "adj_close": "adjclose adjustedclose adjcloseprice adjustedcloseprice",
        "volume": "volume vol",
    }.items()
}
"""The names a field goes by, without case, spaces, underscores, dots and asterisks; best first."""

_UNNAMED = re.compile(r"(Unnamed: \d+|__index_level_\d+__)?")
_DAYS = ("date", "day")
_TIME_OF_DAY = "time"
_WITHOUT_OWN_VALUE = frozenset({"timestamp", "symbol"})


def match(
    names: Sequence[str], wanted: Mapping[PayloadColumn, str], locator: str
) -> dict[str, int]:
    """The position of each field that a file with the columns ``names`` has.

    ``wanted`` names columns outright and comes before the aliases. An unnamed column (a pandas
    index) is the timestamp if nothing else is; a single value column with a name of its own is the
    close. Raises ``SourceError`` if there is no timestamp, no price, or a choice to be made.
    """
    positions: dict[str, int] = {
        field: _named(names, field, name, locator) for field, name in wanted.items()
    }
    plain = [_plain(name) for name in names]
    free = [at for at in range(len(names)) if at not in positions.values()]
    for field, aliases in ALIASES.items():
        if field not in positions:
            by_alias = ([at for at in free if plain[at] == alias] for alias in aliases)
            matches = next(filter(None, by_alias), [])
            if len(matches) > 1:
                raise _ambiguous([names[at] for at in matches], field, locator)
            if matches:
                positions[field] = matches[0]
    if "timestamp" in positions and "timestamp" not in wanted:
        _refuse_a_date_beside_its_time(names, plain, positions["timestamp"], locator)
    if "timestamp" not in positions:
        indexes = [at for at in free if _is_index(names[at], at)]
        if not indexes:
            raise _lacking(names, "timestamp", locator)
        positions["timestamp"] = indexes[0]
    if "close" not in positions and not positions.keys() - _WITHOUT_OWN_VALUE:
        left = [at for at in free if at not in positions.values() and not _is_unnamed(names[at])]
        if len(left) == 1:
            positions["close"] = left[0]
    if "close" not in positions:
        raise _lacking(names, "close", locator)
    return positions


def _named(names: Sequence[str], field: str, name: str, locator: str) -> int:
    exact = [at for at, column in enumerate(names) if column == name.strip()]
    alike = [at for at, column in enumerate(names) if _plain(column) == _plain(name)]
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


def _refuse_a_date_beside_its_time(
    names: Sequence[str], plain: list[str], timestamp: int, locator: str
) -> None:
    """A date column next to a time column is half a timestamp: taking it would merge bars."""
    halves = [at for at, name in enumerate(plain) if name in (*_DAYS, _TIME_OF_DAY)]
    if timestamp in halves and _TIME_OF_DAY in plain and len(halves) > 1:
        raise _ambiguous([names[at] for at in halves], "timestamp", locator)


def _plain(name: str) -> str:
    return re.sub(r"[\s_.*]", "", name).lower()


def _is_unnamed(name: str) -> bool:
    return _UNNAMED.fullmatch(name) is not None


def _is_index(name: str, at: int) -> bool:
    """CSV writes a pandas index first and without a name, Parquet last and with a made-up one."""
    return _is_unnamed(name) and (at == 0 or name.startswith("__index_level_"))


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _ambiguous(names: Sequence[str], field: str, locator: str) -> SourceError:
    return SourceError(
        f"{locator} has more than one column that could be the {field}",
        observed=f"the columns {_quoted(names)}",
        expected=f"one {field} column",
        next_step=f"say which: columns: {{{field}: ...}} in the options of the files source, "
        "or give the columns different names",
    )


def _lacking(names: Sequence[str], field: str, locator: str) -> SourceError:
    role = "price" if field == "close" else field
    return SourceError(
        f"{locator} has no {role} column",
        observed=f"the columns {_quoted(names)}",
        expected=f"a column named {', '.join(ALIASES[field])}",
        next_step=f"name it: columns: {{{field}: ...}} in the options of the files source",
    )
