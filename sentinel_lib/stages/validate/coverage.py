"""Coverage: whether the sessions of intraday series have as many of their bars as usual."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from ibis.expr.types import Table

from sentinel_lib.calendars import session_shift, sessions, time_zone
from sentinel_lib.cleaning.bar_times import DAILY
from sentinel_lib.cleaning.rule_names import INSERT, QUARANTINED
from sentinel_lib.records.bar import INTERVAL_SECONDS
from sentinel_lib.records.roles import GOLD_DAILY
from sentinel_lib.records.stage import Check
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.validate.batch import chosen_silver, placed_bars, rows_of
from sentinel_lib.storage.tables import is_one_of

FEWEST_SESSIONS, MOST_SESSIONS = 5, 20
"""Published sessions that make a history, and how many of them are looked at."""

_SHOWN = 3

Counts = Mapping[date, int]


def coverage_checks(stage: Stage, resolved: Table, check: Callable[..., Check]) -> Iterator[Check]:
    """One check per intraday asset: the bars of each of its sessions that are over, in the batch
    and in Silver, beside those that its published sessions have, else those that its calendar has.
    """
    limit = stage.suite.limits.min_session_coverage
    if limit is None:
        return
    counts = _bars_by_session(stage, resolved)
    histories = _bars_by_published_session(stage, list(counts))
    for symbol, bars in sorted(counts.items()):
        asset, history = stage.assets[symbol], histories.get(symbol, {})
        whole = _whole_sessions(asset, {*bars, *history}, stage.as_of)
        judged = sorted(day for day in bars if day in whole)
        published = sorted(day for day in history if day in whole)
        doubtful = [day for day in judged if asset.is_extended or bars[day] < limit * whole[day]]
        usual = {day: _usual_bars(asset, day, whole, history, published) for day in doubtful}
        thin = [
            f"{day} {bars[day]} of {usual[day]:.0f} bars"
            for day in doubtful
            if bars[day] < limit * usual[day]
        ]
        if judged:
            more = f" and {len(thin) - _SHOWN} more" if len(thin) > _SHOWN else ""
            yield check(
                name="min_session_coverage",
                symbol=symbol,
                passed=not thin,
                blocks=stage.suite.limits.thin_sessions == "block",
                observed=f"{len(thin)} of {len(judged)} sessions have fewer"
                + (f": {', '.join(thin[:_SHOWN])}{more}" if thin else ""),
                expected=f"at least {limit:.0%} of a session's bars",
            )


def _bars_by_session(stage: Stage, resolved: Table) -> dict[str, dict[date, int]]:
    """The bars within hours that each session of the batch has: the new ones, and Silver's."""
    good = resolved.filter(resolved.outcome != QUARANTINED, resolved.interval != DAILY)
    is_new = (good.change == INSERT).fill_null(False) & good.is_within_hours
    counts: dict[str, dict[date, int]] = {}
    for row in rows_of(good.group_by(["asset", "session"]).agg(bars=is_new.sum())):
        counts.setdefault(row["asset"], {})[row["session"]] = int(row["bars"])
    if not counts:
        return {}
    silver = chosen_silver(stage)
    first = min(min(days) for days in counts.values()) - timedelta(days=2)
    recent = silver.timestamp >= datetime.combine(first, time(), ZoneInfo("UTC"))
    placed = placed_bars(stage, silver.filter(silver.symbol.isin(list(counts)), recent))
    within = placed.filter(placed.is_within_hours)
    for row in rows_of(within.group_by(["symbol", "session"]).agg(bars=within.count())):
        days = counts[row["symbol"]]
        if row["session"] in days:
            days[row["session"]] += int(row["bars"])
    return counts


def _bars_by_published_session(stage: Stage, symbols: Sequence[str]) -> dict[str, dict[date, int]]:
    if not symbols:
        return {}
    columns = ["symbol", "session", "bar_count"]
    rows = stage.published.read_or_empty(
        GOLD_DAILY, columns=columns, where=is_one_of("symbol", symbols)
    )
    counts: dict[str, dict[date, int]] = {}
    for row in rows.to_pylist():
        counts.setdefault(row["symbol"], {})[row["session"]] = row["bar_count"]
    return counts


def _whole_sessions(asset: Asset, days: set[date], as_of: datetime) -> dict[date, int]:
    """The sessions among ``days`` that are over, and the bars that each has by its calendar.

    With extended hours a calendar does not say how many: 1 stands for that.
    """
    length = timedelta(seconds=INTERVAL_SECONDS[asset.interval])
    known = sessions(asset.calendar, min(days), max(days))
    if not asset.is_extended:
        return {
            session.date: session.bar_count(length)
            for session in known
            if session.date in days and session.close_utc <= as_of
        }
    now = as_of.astimezone(ZoneInfo(time_zone(asset.calendar))) + session_shift(asset.calendar)
    return {
        session.date: 1 for session in known if session.date in days and session.date < now.date()
    }


def _usual_bars(
    asset: Asset, day: date, whole: Counts, history: Counts, published: Sequence[date]
) -> float:
    """The bars that a session should have: its calendar's, as far as the asset usually has them.

    Of an asset without a history all of them; none where its calendar does not say how many.
    ``published`` are the sessions of ``history``, sorted.
    """
    place = bisect_left(published, day)
    near = published[max(0, place - MOST_SESSIONS) : place]
    if len(near) < FEWEST_SESSIONS:
        near = [other for other in published[: MOST_SESSIONS + 1] if other != day]
    if len(near) < FEWEST_SESSIONS:
        return 0 if asset.is_extended else whole[day]
    return whole[day] * median(history[other] / whole[other] for other in near)
