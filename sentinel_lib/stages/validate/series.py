"""The gate's look at each asset's bars as a series: their spacing, their zone, what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib import calendars
from sentinel_lib.cleaning.bar_times import (
    DAILY,
    instant_of_local,
    local_of_instant,
    session_of,
)
from sentinel_lib.cleaning.rule_names import MALFORMED, NOT_A_SESSION, OUTSIDE_THE_LIMIT
from sentinel_lib.cleaning.spacing import FEWEST_DAYS, spacing_of_days, spacing_of_times
from sentinel_lib.records.bar import INTERVAL_SECONDS, INTERVALS
from sentinel_lib.records.stage import Check
from sentinel_lib.stages.known_calendars import has_known_sessions
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.validate.batch import (
    asset_terms,
    chosen_silver,
    dated_bars,
    in_sessions,
    published_bars,
    rows_of,
)
from sentinel_lib.stages.validate.coverage import coverage_checks

FEWEST_TIMES = 20
FITTING, MISFITTING = 0.95, 0.9
"""The part of bars within hours that makes a zone right, and that below which one is wrong."""

_LOOKED_AT = 1_000
_SHOWN = 5


def series_checks(stage: Stage, resolved: Table, sessions: Table) -> dict[str, list[Check]]:
    """What is wrong with the series of each asset in a resolved batch.

    ``spacing`` and ``time_zone`` hold the asset back. ``missing_sessions`` warns, and so does
    ``min_session_coverage`` unless the suite says otherwise; they are only looked for where the
    first two found nothing.
    """
    check = partial(Check, table=stage.suite.table)
    known = [s for s, asset in stage.chosen.items() if has_known_sessions(asset, stage.as_of)]
    chosen = _of(resolved, known)
    checks = {failed.symbol: [failed] for failed in _zones(stage, chosen, sessions, check)}
    checks |= {failed.symbol: [failed] for failed in _spacings(stage, chosen, check)}
    rest = _of(chosen, [symbol for symbol in known if symbol not in checks])
    for done in (*_missing(stage, rest, check), *coverage_checks(stage, rest, check)):
        checks.setdefault(done.symbol, []).append(done)
    return checks


def _of(rows: Table, symbols: Sequence[str]) -> Table:
    return rows.filter(rows.asset.isin(symbols or [""]))


def _spacings(stage: Stage, resolved: Table, check: Callable[..., Check]) -> Iterator[Check]:
    """Assets whose bars are never an interval apart, but another span, always the same one."""
    dated = resolved.filter(
        resolved.session.notnull(),
        resolved.rule.isnull() | resolved.rule.notin(OUTSIDE_THE_LIMIT),
    )
    wide = [*_without_adjacent_days(dated), *_without_adjacent_times(dated)]
    for symbol, times in _times_of(stage, dated, wide).items():
        asset = stage.assets[symbol]
        days = [day for day, _ in times]
        known = _dates(asset.calendar, days[0], days[-1])
        length = timedelta(seconds=INTERVAL_SECONDS[asset.interval])
        if asset.interval == DAILY:
            name = spacing_of_days(days, known)
        else:
            name = spacing_of_times(times, length, known)
        if name:
            yield check(
                name="spacing",
                symbol=symbol,
                passed=False,
                observed=f"{name} bars" if " " not in name else f"a bar {name}",
                expected=f"bars of the asset's interval {asset.interval} "
                f"(intervals are {', '.join(INTERVALS)})",
            )


def _without_adjacent_days(dated: Table) -> list[str]:
    """Daily assets that may have no bars on two days in a row: too few for the days they span."""
    daily = dated.filter(dated.interval == DAILY).group_by("asset")
    spans = daily.agg(
        days=dated.session.nunique(), first=dated.session.min(), last=dated.session.max()
    )
    return [
        row["asset"]
        for row in rows_of(spans)
        if row["days"] >= FEWEST_DAYS and 2 * (row["days"] - 1) <= (row["last"] - row["first"]).days
    ]


def _without_adjacent_times(dated: Table) -> list[str]:
    """Intraday assets of which no session is so full that two bars must be an interval apart."""
    intraday = dated.filter(dated.interval != DAILY).group_by(["asset", "interval", "session"])
    spans = intraday.agg(
        bars=dated.timestamp.nunique(), first=dated.timestamp.min(), last=dated.timestamp.max()
    )
    is_full: dict[str, bool] = {}
    for row in rows_of(spans):
        steps = row["bars"] - 1
        span = (row["last"] - row["first"]) / timedelta(seconds=INTERVAL_SECONDS[row["interval"]])
        is_full[row["asset"]] = is_full.get(row["asset"], False) or steps <= span < 2 * steps
    return [symbol for symbol, full in is_full.items() if not full]


def _times_of(
    stage: Stage, dated: Table, symbols: Sequence[str]
) -> dict[str, list[tuple[date, datetime]]]:
    """The first bars of some assets, by session and start, with those that Silver has there."""
    if not symbols:
        return {}
    columns = ("asset", "session", "timestamp")
    known = dated_bars(stage, published_bars(stage, dated)).rename(asset="symbol")
    rows = dated.select(columns).union(known.select(columns)).distinct()
    rows = rows.filter(rows.asset.isin(symbols))
    order = ibis.window(group_by="asset", order_by="timestamp")
    first = rows.mutate(place=ibis.row_number().over(order))
    first = first.filter(first.place < _LOOKED_AT).order_by("asset", "timestamp")
    times: dict[str, list[tuple[date, datetime]]] = defaultdict(list)
    for row in rows_of(first):
        times[row["asset"]].append((row["session"], row["timestamp"]))
    return times


def _zones(
    stage: Stage, resolved: Table, sessions: Table, check: Callable[..., Check]
) -> Iterator[Check]:
    """Assets whose bars lie within hours only if their times are read in another zone."""
    keeping = [symbol for symbol, asset in stage.chosen.items() if asset.keeps_hours]
    if not keeping:
        return
    assumed = resolved.filter(
        resolved.asset.isin(keeping), resolved.is_zone_assumed, resolved.timestamp.notnull()
    )
    assumed = assumed.filter(assumed.rule.isnull() | (assumed.rule != MALFORMED))
    terms = stage.engine.load(asset_terms(stage).drop_columns(["calendar", "interval", "fields"]))
    bars = assumed.select("asset", "calendar", "interval", "timezone", "timestamp")
    bars = bars.join(terms, "asset")
    as_read = _within(bars, sessions, bars.timezone)
    suspects = {
        key: part
        for key, (part, count) in as_read.items()
        if count >= FEWEST_TIMES and part < MISFITTING
    }
    if not suspects:
        return
    others = (bars.calendar_timezone, ibis.literal("UTC"))
    better = [_within(bars, sessions, zone) for zone in others]
    for (symbol, zone), part in sorted(suspects.items()):
        calendar = stage.assets[symbol].calendar
        names = (calendars.time_zone(calendar), "UTC")
        for name, parts in zip(names, better, strict=True):
            fitting = parts[symbol, zone][0]
            if name != zone and fitting >= FITTING:
                yield check(
                    name="time_zone",
                    symbol=symbol,
                    passed=False,
                    observed=f"{part:.0%} of its bars within the hours of {calendar} as read "
                    f"in {zone}, {fitting:.0%} if read in {name}",
                    expected=f"times in the zone that is set: write timezone: {name}",
                )
                break


def _within(bars: Table, sessions: Table, zone: Any) -> dict[tuple[str, str], tuple[float, int]]:
    """By asset and zone used: the part of bars within hours if read in ``zone``, and the bars."""
    written = local_of_instant(bars.timezone.cast("string"), bars.timestamp)
    read = bars.mutate(timestamp=instant_of_local(zone.cast("string"), written))
    placed = in_sessions(read.mutate(session=session_of(read)), sessions)
    counts = placed.group_by(["asset", "timezone"]).agg(
        within=placed.is_within_hours.sum(), bars=placed.count()
    )
    return {
        (row["asset"], row["timezone"]): (row["within"] / row["bars"], row["bars"])
        for row in rows_of(counts)
    }


def _missing(stage: Stage, resolved: Table, check: Callable[..., Check]) -> Iterator[Check]:
    """Sessions without any row, between the last published one and the last of the batch."""
    seen = resolved.filter(
        resolved.session.notnull(),
        resolved.rule.isnull() | resolved.rule.notin((*OUTSIDE_THE_LIMIT, NOT_A_SESSION)),
    )
    spans = rows_of(
        seen.group_by("asset").agg(
            days=seen.session.nunique(), first=seen.session.min(), last=seen.session.max()
        )
    )
    silver = dated_bars(stage, chosen_silver(stage)).select("session", asset="symbol").distinct()
    before = _last_before(stage, silver, spans)
    gaps = {}
    for row in spans:
        calendar, first = stage.assets[row["asset"]].calendar, row["first"]
        since = before.get(row["asset"], first)
        expected = _dates(calendar, since, row["last"])
        if len(expected) > row["days"] + (since < first):
            gaps[row["asset"]] = expected
    both = seen.select("asset", "session").union(silver.select("asset", "session")).distinct()
    there: dict[str, set[date]] = defaultdict(set)
    for row in rows_of(both.filter(both.asset.isin(list(gaps)))) if gaps else []:
        there[row["asset"]].add(row["session"])
    for symbol, expected in gaps.items():
        absent = [day for day in expected if day not in there[symbol]]
        if absent:
            yield check(
                name="missing_sessions",
                symbol=symbol,
                passed=False,
                blocks=False,
                observed=f"{len(absent)} missing: {_listed(map(str, absent))}",
                expected=f"every session from {expected[0]} to {expected[-1]}",
            )


def _last_before(stage: Stage, silver: Table, spans: list[dict[str, Any]]) -> dict[str, date]:
    """The last published session of each asset that is earlier than its first in the batch."""
    if not spans:
        return {}
    firsts = pa.table({name: [row[name] for row in spans] for name in ("asset", "first")})
    joined = silver.join(stage.engine.load(firsts), "asset")
    earlier = joined.filter(joined.session < joined["first"])
    last = earlier.group_by("asset").agg(last=earlier.session.max())
    return {row["asset"]: row["last"] for row in rows_of(last)}


def _dates(calendar: str, first: date, last: date) -> tuple[date, ...]:
    return tuple(session.date for session in _sessions(calendar, first, last))


@lru_cache(maxsize=64)
def _sessions(calendar: str, first: date, last: date) -> tuple[calendars.Session, ...]:
    """Kept, because the assets of one calendar mostly ask the same."""
    return tuple(calendars.sessions(calendar, first, last))


def _listed(words: Iterable[str]) -> str:
    shown = list(words)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
