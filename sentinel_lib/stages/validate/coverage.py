"""Coverage: the sessions that series lack, and whether intraday ones have their usual bars."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from ibis.expr.types import Table

from sentinel_lib.calendars import session_shift, sessions, time_zone
from sentinel_lib.cleaning.bar_times import is_in_closed_weekend
from sentinel_lib.cleaning.session_counts import seen_spans
from sentinel_lib.errors import counted, listed
from sentinel_lib.records.bar import ONE_DAY
from sentinel_lib.records.roles import GOLD_DAILY
from sentinel_lib.records.stage import Check
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages.sessions import placed_bars
from sentinel_lib.stages.validate.series import Series, session_dates
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.tables import is_one_of

FEWEST_SESSIONS, MOST_SESSIONS = 5, 20
"""Published sessions that make a history, and how many of them are looked at."""

Counts = Mapping[date, int]


def missing_sessions(series: Series) -> Iterator[Check]:
    """A check that warns per asset without any row of some sessions between the last of Gold before
    the batch and the last of the batch; it lists them.
    """
    batch = series.stage.engine.materialise(seen_spans(series.counts))
    sessions = _published_sessions(series)
    earlier = sessions.join(batch.select("asset", "first"), "asset")
    earlier = earlier.filter(earlier.session < earlier["first"])
    last_before = earlier.group_by("asset").agg(since=earlier.session.max())
    gaps = {}
    for row in batch.left_join(last_before, "asset").to_pyarrow().to_pylist():
        since = row["since"] or row["first"]
        expected = session_dates(row["calendar"], since, row["last"])
        if len(expected) > row["sessions_seen"] + (since < row["first"]):
            gaps[row["asset"]] = expected
    if not gaps:
        return
    first = min(expected[0] for expected in gaps.values()) - timedelta(days=2)
    dated = series.dated_silver
    dated = dated.filter(
        dated.symbol.isin(list(gaps)),
        dated.timestamp >= datetime.combine(first, time(), UTC),
        ~is_in_closed_weekend(dated),
    )
    both = series.counts.filter(series.counts.seen > 0).select("session", "asset")
    both = both.union(dated.select("session", asset="symbol")).distinct()
    rows = both.filter(both.asset.isin(list(gaps))).to_pyarrow().to_pylist()
    present = {(row["asset"], row["session"]) for row in rows}
    for symbol, expected in gaps.items():
        absent = [day for day in expected if (symbol, day) not in present]
        if absent:
            yield series.check(
                name="missing_sessions",
                symbol=symbol,
                blocks=False,
                observed=f"{len(absent)} missing: {listed(absent)}",
                expected=f"every session from {expected[0]} to {expected[-1]}",
            )


def _published_sessions(series: Series) -> Table:
    """``asset`` and ``session`` of ``gold.daily``: few rows, where Silver has many."""
    lake = series.stage.published
    files = lake.files(GOLD_DAILY) if lake.exists(GOLD_DAILY) else []
    daily = series.stage.engine.scan(files, schema_of(GOLD_DAILY))
    return daily.select("session", asset="symbol")


def thin_sessions(series: Series) -> Iterator[Check]:
    """One check per intraday asset: the bars of each of its sessions that are over, in the batch
    and in Silver, beside those that its published sessions have, else those that its calendar has.
    """
    limits = series.stage.suite.limits
    limit = limits.min_session_coverage
    if limit is None or not (counts := _bars_by_session(series)):
        return
    columns, where = ["symbol", "session", "bar_count"], is_one_of("symbol", counts)
    daily = series.stage.published.read_or_empty(GOLD_DAILY, columns=columns, where=where)
    histories: dict[str, dict[date, int]] = defaultdict(dict)
    for row in daily.to_pylist():
        histories[row["symbol"]][row["session"]] = row["bar_count"]
    for symbol, bars in sorted(counts.items()):
        asset, history = series.assets[symbol], histories[symbol]
        whole = _whole_sessions(asset, {*bars, *history}, series.stage.as_of)
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
            yield series.check(
                name="min_session_coverage",
                symbol=symbol,
                passed=not thin,
                blocks=limits.thin_sessions == "block",
                observed=f"{len(thin)} of {counted(len(judged), 'session')} with fewer bars"
                + (f": {listed(thin, at_most=3)}" if thin else ""),
                expected=f"at least {limit:.0%} of a session's bars",
            )


def _bars_by_session(series: Series) -> dict[str, dict[date, int]]:
    """The bars within hours that each session of the batch has: the new ones, and Silver's."""
    of_batch = series.counts
    of_batch = of_batch.filter(of_batch.good > 0, of_batch.interval != ONE_DAY)
    counts: dict[str, dict[date, int]] = defaultdict(dict)
    for row in of_batch.to_pyarrow().to_pylist():
        counts[row["asset"]][row["session"]] = int(row["fresh"])
    if not counts:
        return {}
    first = min(min(days) for days in counts.values()) - timedelta(days=2)
    recent = series.silver.timestamp >= datetime.combine(first, time(), UTC)
    silver = series.silver.filter(series.silver.symbol.isin(list(counts)), recent)
    placed = placed_bars(series.stage.engine, silver, series.assets, series.stage.as_of)
    within = placed.filter(placed.is_within_hours)
    published = within.group_by(["symbol", "session"]).agg(bars=within.count())
    for row in published.to_pyarrow().to_pylist():
        if row["session"] in (days := counts[row["symbol"]]):
            days[row["session"]] += int(row["bars"])
    return counts


def _whole_sessions(asset: Asset, days: set[date], as_of: datetime) -> dict[date, int]:
    """The sessions among ``days`` that are over, and the bars that each has by its calendar.

    With extended hours a calendar does not say how many: 1 stands for that.
    """
    known = [day for day in sessions(asset.calendar, min(days), max(days)) if day.date in days]
    if not asset.is_extended:
        over = [session for session in known if session.close_utc <= as_of]
        return {session.date: session.bar_count(asset.bar_length) for session in over}
    now = as_of.astimezone(ZoneInfo(time_zone(asset.calendar))) + session_shift(asset.calendar)
    return {session.date: 1 for session in known if session.date < now.date()}


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
