"""When the bars of a calendar begin: one a session, or the intervals of an intraday series."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from sentinel_lib.calendars import Session, sessions
from sentinel_lib.records.bar import INTERVAL_SECONDS

DAILY = "1d"
A_DAY = timedelta(days=1)


def final_starts(
    calendar: str, interval: str, start: datetime, end: datetime
) -> list[list[datetime]]:
    """For each session the bars that begin in ``[start, end]`` and are final by ``end`` (UTC).

    Sessions without such a bar are left out. A bar that crosses the close is final with it.
    """
    by_session = (
        [moment for moment in _starts(interval, session, end) if start <= moment <= end]
        for session in cached_sessions(calendar, start.date() - A_DAY, end.date() + A_DAY)
    )
    return [starts for starts in by_session if starts]


@lru_cache(maxsize=256)
def cached_sessions(calendar: str, first: date, last: date) -> tuple[Session, ...]:
    """Kept, because the assets of one calendar mostly ask the same.

    Sessions can open on the UTC date before their own.
    """
    return tuple(sessions(calendar, first, last))


def length_of(interval: str) -> timedelta:
    """How long a bar of ``interval`` lasts."""
    return timedelta(seconds=INTERVAL_SECONDS[interval])


def midnight(day: date) -> datetime:
    """The beginning of ``day`` in UTC."""
    return datetime.combine(day, time(), UTC)


def _starts(interval: str, session: Session, end: datetime) -> Iterator[datetime]:
    """The bars of one session that are final by ``end``, the first from its opening on."""
    if interval == DAILY:
        if session.close_utc <= end:
            yield midnight(session.date)
        return
    length = length_of(interval)
    for start in session.bar_starts(length):
        if min(start + length, session.close_utc) <= end:
            yield start
