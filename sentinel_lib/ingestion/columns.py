"""Which column of a file holds which field of a bar."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sentinel_lib.errors import SourceError
from sentinel_lib.settings.sources import PayloadColumn

ALIASES: dict[str, tuple[str, ...]] = {
    "timestamp": (
        "timestamp",
        "datetime",
        "date",
        "time",
        "day",
        "opentime",
        "observationdate",
        "tradedate",
        "tradingday",
        "period",
        "session",
    ),
    "symbol": ("symbol", "ticker", "asset", "instrument"),
    "open": ("open", "openprice", "openingprice"),
    "high": ("high", "highprice", "highestprice"),
    "low": ("low", "lowprice", "lowestprice"),
    "close": ("close", "closeprice", "closingprice", "close/last", "price", "last", "value"),
    "adj_close": ("adjclose", "adjustedclose", "adjcloseprice", "adjustedcloseprice"),
    "volume": ("volume", "vol"),
}
"""The names a field goes by, without case, spaces, underscores, dots and asterisks; best first."""

_UNNAMED = re.compile(r"(Unnamed: \d+|__index_level_\d+__)?")
_DAYS = ("date", "day")
_TIME_OF_DAY = "time"
_WITHOUT_OWN_VALUE = frozenset({"timestamp", "symbol"})


def match(names: Sequence[str], wanted: Mapping[PayloadColumn, str], where: str) -> dict[str, int]:
    """The position of each field that a file with the columns ``names`` has.

    ``wanted`` names columns outright and comes before the aliases. An unnamed column (a pandas
    index) is the timestamp if nothing else is; a single value column with a name of its own is the
    close. Raises ``SourceError`` where there is no timestamp, no price, or a choice to be made.
    """
    found: dict[str, int] = {
        field: _named(names, field, name, where) for field, name in wanted.items()
    }
    known = [_plain(name) for name in names]
    free = [at for at in range(len(names)) if at not in found.values()]
    for field, aliases in ALIASES.items():
        if field not in found:
            positions = _first_alias([at for at in free if known[at]], known, aliases)
            if len(positions) > 1:
                raise _ambiguous([names[at] for at in positions], field, where)
            if positions:
                found[field] = positions[0]
    if "timestamp" in found and "timestamp" not in wanted:
        _refuse_a_date_beside_its_time(names, known, found, where)
    if "timestamp" not in found:
        indexes = [at for at in free if _is_index(names[at], at)]
        found |= dict(zip(("timestamp",), indexes, strict=False))
    if "timestamp" not in found:
        raise _lacking(names, "timestamp", where)
    if "close" not in found and not found.keys() - _WITHOUT_OWN_VALUE:
        left = [at for at in free if at not in found.values() and not _is_unnamed(names[at])]
        if len(left) == 1:
            found["close"] = left[0]
    if "close" not in found:
        raise _lacking(names, "close", where)
    return found


def _named(names: Sequence[str], field: str, name: str, where: str) -> int:
    exact = [at for at, there in enumerate(names) if there == name.strip()]
    alike = [at for at, there in enumerate(names) if _plain(there) == _plain(name)]
    positions = exact or alike
    if not positions:
        raise SourceError(
            f"{where} has no column '{name}', which columns.{field} names",
            observed=f"the columns {_listed(names)}",
            next_step=f"correct columns: {{{field}: ...}} in the options of the files source",
        )
    if len(positions) > 1:
        raise _ambiguous([names[at] for at in positions], field, where)
    return positions[0]


def _first_alias(free: list[int], known: list[str], aliases: tuple[str, ...]) -> list[int]:
    for alias in aliases:
        positions = [at for at in free if known[at] == alias]
        if positions:
            return positions
    return []


def _refuse_a_date_beside_its_time(
    names: Sequence[str], known: list[str], found: Mapping[str, int], where: str
) -> None:
    """A date column next to a time column is half a timestamp: taking it would merge bars."""
    if known[found["timestamp"]] in (*_DAYS, _TIME_OF_DAY):
        halves = [at for at, name in enumerate(known) if name in (*_DAYS, _TIME_OF_DAY)]
        if _TIME_OF_DAY in known and len(halves) > 1:
            raise _ambiguous([names[at] for at in halves], "timestamp", where)


def _plain(name: str) -> str:
    return re.sub(r"[\s_.*]", "", name).lower()


def _is_unnamed(name: str) -> bool:
    return _UNNAMED.fullmatch(name) is not None


def _is_index(name: str, at: int) -> bool:
    """CSV writes a pandas index first and without a name, Parquet last and with a made-up one."""
    return _is_unnamed(name) and (at == 0 or name.startswith("__index_level_"))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _ambiguous(names: Sequence[str], field: str, where: str) -> SourceError:
    return SourceError(
        f"{where} has more than one column that could be the {field}",
        observed=f"the columns {_listed(names)}",
        expected=f"one {field} column",
        next_step=f"say which: columns: {{{field}: ...}} in the options of the files source, "
        "or give the columns different names",
    )


def _lacking(names: Sequence[str], field: str, where: str) -> SourceError:
    word = "price" if field == "close" else field
    return SourceError(
        f"{where} has no {word} column",
        observed=f"the columns {_listed(names)}",
        expected=f"a column named {', '.join(ALIASES[field])}",
        next_step=f"name it: columns: {{{field}: ...}} in the options of the files source",
    )
