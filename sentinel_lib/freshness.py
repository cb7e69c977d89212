"""How old an asset's data is, in its own sessions: a function of data and ``as_of`` alone."""

from datetime import UTC, date, datetime, time, timedelta

from sentinel_lib.calendars import closed_sessions, open_sessions, sessions, trouble
from sentinel_lib.records.details import AssetFreshness, Freshness
from sentinel_lib.settings.assets import Asset, Limit


def freshness(
    asset: Asset, last_bar: datetime | None, as_of: datetime, start: date
) -> AssetFreshness:
    """The state of ``asset`` at ``as_of``. ``last_bar`` is the timestamp of its last good bar.

    ``start`` is where its history was asked to begin: without any bar, sessions count from there.
    It is unknown where its calendar does not know the day.
    """
    status: Freshness
    unknown = trouble(asset.calendar, as_of.date())
    if unknown:
        status, reason, behind, breach = "unknown", unknown, 0, None
    else:
        status, reason, behind, breach = _judged(asset, last_bar, as_of, start)
    if asset.is_paused(as_of):
        status, breach = "paused", None
        reason = ": ".join(filter(None, (f"paused until {asset.paused_until}", asset.reason)))
    return AssetFreshness(
        status=status,
        max_loaded_at=last_bar,
        snapshotted_at=as_of,
        max_loaded_at_time_ago_in_s=int((as_of - last_bar).total_seconds()) if last_bar else None,
        sessions_behind=behind,
        next_breach_at=breach,
        reason=reason,
        criteria=asset.freshness.model_dump(mode="json"),
    )


def _judged(
    asset: Asset, last_bar: datetime | None, as_of: datetime, start: date
) -> tuple[Freshness, str, int, datetime | None]:
    """The status, its reason, the sessions behind, and when it gets worse."""
    now = as_of - timedelta(minutes=asset.options.grace_minutes)
    known_until = _session_date(asset, last_bar) if last_bar else start - timedelta(days=1)
    closed = closed_sessions(asset.calendar, known_until + timedelta(days=1), now)
    behind, limits = len(closed), asset.freshness
    if last_bar is None:
        reason = f"no good bar yet; {behind} session(s) have closed since {start}"
        return "unknown", reason, behind, None
    reason = "no session has closed since the last bar"
    if closed:
        reason = f"{behind} session(s) closed since the last bar, the first on {closed[0].date}"
    closed_at = _close_of(asset, known_until)
    loaded_until = closed_at if asset.is_daily else last_bar + asset.bar_length
    if _is_reached(limits.error_after, behind, loaded_until, now):
        return "stale", reason, behind, None
    is_late = _is_reached(limits.warn_after, behind, loaded_until, now)
    ahead = (limits.error_after,) if is_late else (limits.warn_after, limits.error_after)
    after = max(now, closed_at)
    reached = [_reached_at(limit, asset, behind, loaded_until, after) for limit in ahead]
    moments = [moment for moment in reached if moment is not None]
    breach = min(moments) + (as_of - now) if moments else None
    return "late" if is_late else "fresh", reason, behind, breach


def _is_reached(limit: Limit, behind: int, loaded_until: datetime, now: datetime) -> bool:
    if limit.duration is None:
        return behind >= limit.count
    return now - loaded_until >= limit.duration


def _reached_at(
    limit: Limit, asset: Asset, behind: int, loaded_until: datetime, after: datetime
) -> datetime | None:
    """When ``limit`` is reached if no bar arrives, counting sessions that close after ``after``.

    None where the calendar ends before.
    """
    if limit.duration is not None:
        return loaded_until + limit.duration
    needed = limit.count - behind
    sessions_ahead = open_sessions(asset.calendar, after, needed)
    return sessions_ahead[-1].close_utc if len(sessions_ahead) == needed else None


def _session_date(asset: Asset, last_bar: datetime) -> date:
    day = last_bar.date()
    if asset.is_daily:
        return day
    nearby = sessions(asset.calendar, day - timedelta(days=1), day + timedelta(days=1))
    end = last_bar + asset.bar_length
    return max((session.date for session in nearby if session.open_utc < end), default=day)


def _close_of(asset: Asset, session: date) -> datetime:
    """When the session of that date closes; a date without a session ends at midnight UTC."""
    midnight = datetime.combine(session + timedelta(days=1), time(), UTC)
    closes = (day.close_utc for day in sessions(asset.calendar, session, session))
    return next(closes, midnight)
