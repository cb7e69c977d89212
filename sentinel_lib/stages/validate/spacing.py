"""Assets whose bars are never an interval apart, but another span, always the same one."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

import ibis
from ibis.expr.types import Table

from sentinel_lib.cleaning.rule_names import OUTSIDE_THE_LIMIT
from sentinel_lib.records.bar import INTERVAL_SECONDS, INTERVALS, ONE_DAY
from sentinel_lib.records.stage import Check
from sentinel_lib.stages.sessions import within_times_of
from sentinel_lib.stages.validate.series import Series, session_dates

SHARE = 0.8
"""The part of all steps that must be alike before they have a name."""
FEWEST_DAYS = 3
FEWEST_BARS = 5
"""Bars that a spacing without a name of its own takes: of fewer any two steps may be alike."""

_NAMED = {"weekly": (6, 8), "monthly": (27, 35), "quarterly": (85, 97), "yearly": (360, 371)}
"""Steps in days: periods begin and end on weekends and holidays too."""
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_LOOKED_AT = 1_000


def other_spacing(series: Series) -> Iterator[Check]:
    """A failed check per asset whose bars are ``weekly``, or ``every 2 hours``."""
    dated = series.rows.filter(
        series.rows.session.notnull(),
        series.rows.rule.isnull() | series.rows.rule.notin(OUTSIDE_THE_LIMIT),
    )
    wide = [*_without_adjacent_days(series.counts), *_without_adjacent_times(series, dated)]
    for symbol, times in _times_of(series, dated, wide).items():
        asset = series.assets[symbol]
        days = [day for day, _ in times]
        known = session_dates(asset.calendar, days[0], days[-1])
        if asset.is_daily:
            name = spacing_of_days(days, known)
        else:
            name = spacing_of_times(times, asset.bar_length, known)
        if name:
            yield series.check(
                name="spacing",
                symbol=symbol,
                observed=f"{name} bars" if " " not in name else f"a bar {name}",
                expected=f"bars of the asset's interval {asset.interval} "
                f"(intervals are {', '.join(INTERVALS)})",
            )


def _without_adjacent_days(counts: Table) -> list[str]:
    """Daily assets that may have no bars on two days in a row: too few for the days they span."""
    daily = counts.filter(counts.interval == ONE_DAY, counts.dated > 0)
    spans = daily.group_by("asset").agg(
        days=daily.count(), first=daily.session.min(), last=daily.session.max()
    )
    return [
        row["asset"]
        for row in spans.to_pyarrow().to_pylist()
        if row["days"] >= FEWEST_DAYS and 2 * (row["days"] - 1) <= (row["last"] - row["first"]).days
    ]


def _without_adjacent_times(series: Series, dated: Table) -> list[str]:
    """Intraday assets of which no session is so full that two bars must be an interval apart.

    Mostly those that are promoted show it. To count the times of all rows takes longer.
    """
    counts = series.counts.filter(series.counts.interval != ONE_DAY, series.counts.dated > 0)
    doubtful = _not_full(counts.rename(bars="promoted"))
    rows = dated.filter(dated.interval != ONE_DAY, dated.asset.isin(doubtful or [""]))
    return _not_full(
        rows.group_by(["asset", "interval", "session"]).agg(
            bars=rows.timestamp.nunique(), first=rows.timestamp.min(), last=rows.timestamp.max()
        )
    )


def _not_full(sessions: Table) -> list[str]:
    is_full: dict[str, bool] = {}
    for row in sessions.to_pyarrow().to_pylist():
        steps, length = row["bars"] - 1, timedelta(seconds=INTERVAL_SECONDS[row["interval"]])
        full = steps > 0 and steps <= (row["last"] - row["first"]) / length < 2 * steps
        is_full[row["asset"]] = is_full.get(row["asset"], False) or full
    return [symbol for symbol, full in is_full.items() if not full]


def _times_of(
    series: Series, dated: Table, symbols: Sequence[str]
) -> dict[str, list[tuple[date, datetime]]]:
    """The first bars of some assets, by session and start, with those that Silver has there."""
    if not symbols:
        return {}
    columns = ("asset", "session", "timestamp")
    known = within_times_of(series.dated_silver, dated).rename(asset="symbol")
    rows = dated.select(columns).union(known.select(columns)).distinct()
    rows = rows.filter(rows.asset.isin(symbols))
    order = ibis.window(group_by="asset", order_by="timestamp")
    first = rows.mutate(place=ibis.row_number().over(order))
    first = first.filter(first.place < _LOOKED_AT).order_by("asset", "timestamp")
    times: dict[str, list[tuple[date, datetime]]] = defaultdict(list)
    for row in first.to_pyarrow().to_pylist():
        times[row["asset"]].append((row["session"], row["timestamp"]))
    return times


def spacing_of_days(days: Sequence[date], sessions: Sequence[date]) -> str:
    """``weekly``, ``monthly``, ``every 3 sessions``; empty where the series is a daily one.

    Both are sorted, each day once. The newest day is left aside where there are others: some
    sources end a weekly series with the bar of the week that is not over. Days of a series that is
    merely thin or has gaps are not equally far apart, and have no name.
    """
    days = days[:-1] if len(days) > FEWEST_DAYS else days
    if len(days) < FEWEST_DAYS:
        return ""
    pairs = list(pairwise(days))
    between = [bisect_left(sessions, b) - bisect_right(sessions, a) for a, b in pairs]
    if 0 in between:
        return ""
    for name, (shortest, longest) in _NAMED.items():
        fitting = sum(shortest <= (b - a).days <= longest for a, b in pairs)
        if fitting >= SHARE * len(pairs):
            return name
    gap, count = Counter(between).most_common(1)[0]
    is_regular = len(days) >= FEWEST_BARS and count >= SHARE * len(pairs)
    return f"every {gap + 1} sessions" if is_regular else ""


def spacing_of_times(
    times: Sequence[tuple[date, datetime]], interval: timedelta, sessions: Sequence[date]
) -> str:
    """``every 2 hours``, ``daily``; empty where bars are an ``interval`` apart, or irregularly.

    ``times`` are sessions and starts of bars, sorted. Only steps within a session count; where no
    session has two bars, the days do.
    """
    steps = Counter(b - a for (day, a), (other, b) in pairwise(times) if day == other)
    if not steps:
        days = sorted({day for day, _ in times})
        if len(days) < FEWEST_BARS:
            return ""
        gaps = [bisect_left(sessions, b) - bisect_right(sessions, a) for a, b in pairwise(days)]
        is_daily = gaps.count(0) >= SHARE * len(gaps)
        return "daily" if is_daily else spacing_of_days(days, sessions)
    step, count = steps.most_common(1)[0]
    is_regular = count >= SHARE * steps.total() and steps.total() >= FEWEST_BARS - 1
    return "" if interval in steps or not is_regular else f"every {_in_words(step)}"


def _in_words(step: timedelta) -> str:
    seconds = int(step.total_seconds())
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return unit if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"
