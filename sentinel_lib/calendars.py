"""Trading calendars: which sessions there are, and when each one opens and closes.

A function that needs a calendar which the library cannot build raises ``ConfigError``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.calendar_names import CONTINUOUS, CURRENCIES, ENDLESS, SETTLED_YEARS

if TYPE_CHECKING:
    import pandas as pd
    from exchange_calendars import ExchangeCalendar

_DAY = timedelta(days=1)
_REMEDY = "upgrade exchange_calendars, or give the asset another calendar"
_SATURDAY = 5
_NEW_YORK = ZoneInfo("America/New_York")
_CURRENCIES_CLOSE = time(17, tzinfo=_NEW_YORK)
_FIRST_DAY = "1678-01-01"
_LAST_DAY = "2261-12-31"
"""The range of the library's nanoseconds."""


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: its date, and the instants in UTC at which it opens and closes.

    Some exchanges have a lunch break, in which nothing is traded.
    """

    date: date
    open_utc: datetime
    close_utc: datetime
    break_start_utc: datetime | None = None
    break_end_utc: datetime | None = None

    def has_bar(self, start: datetime, length: timedelta) -> bool:
        """Whether a bar from ``start`` on lies within hours: some of it does."""
        end = start + length
        if self.break_start_utc is None or self.break_end_utc is None:
            is_in_break = False
        else:
            is_in_break = self.break_start_utc <= start and end <= self.break_end_utc
        return start < self.close_utc and end > self.open_utc and not is_in_break

    def bar_count(self, length: timedelta) -> int:
        """How many ``bar_starts`` it has."""
        count = -((self.open_utc - self.close_utc) // length)
        if self.break_start_utc is None or self.break_end_utc is None:
            return count
        first = -((self.open_utc - self.break_start_utc) // length)
        return count - max(0, (self.break_end_utc - self.open_utc) // length - first)

    def bar_starts(self, length: timedelta, after: datetime | None = None) -> Iterator[datetime]:
        """When its bars begin, counted from its opening, or from ``after`` within it."""
        start = max(self.open_utc, after or self.open_utc)
        while start < self.close_utc:
            if self.has_bar(start, length):
                yield start
            start += length


@lru_cache(maxsize=64)  # the assets of one calendar mostly ask the same
def sessions(calendar: str, first: date, last: date) -> tuple[Session, ...]:
    """The sessions dated from ``first`` to ``last``, both included, that ``calendar`` knows.

    They may open on the UTC date before their own. After the calendar's last known day there are
    none: ask ``trouble`` before concluding that nothing trades.
    """
    if last < first:
        return ()
    if calendar in ENDLESS:
        days = (first + _DAY * offset for offset in range((last - first).days + 1))
        is_continuous = calendar == CONTINUOUS
        of_day = _currency_session if calendar == CURRENCIES else _utc_day
        return tuple(of_day(day) for day in days if is_continuous or day.weekday() < _SATURDAY)
    exchange = _exchange(calendar, *_decades(first.year, last.year))
    if exchange is None:
        return ()
    schedule = exchange.schedule.loc[str(first) : str(last)]
    moments = [_moments(schedule[name]) for name in ("open", "close", "break_start", "break_end")]
    return tuple(Session(*row) for row in zip(schedule.index.date, *moments, strict=True))


def closed_sessions(calendar: str, first: date, as_of: datetime) -> list[Session]:
    """The sessions dated ``first`` or later that have closed by ``as_of``."""
    last = as_of.date() + _DAY
    known = sessions(calendar, first, last)
    return [session for session in known if session.close_utc <= as_of]


def open_sessions(calendar: str, as_of: datetime, count: int) -> list[Session]:
    """The first ``count`` sessions that close after ``as_of``; fewer where no more are known."""
    still_open: list[Session] = []
    first = last = as_of.date() - _DAY
    end = last_known_day(calendar) or date.max
    while len(still_open) < count and last <= end:
        # No further than necessary: the last year that a calendar knows ends some day.
        last += _DAY * (count - len(still_open))
        known = sessions(calendar, first, last)
        still_open = [session for session in known if session.close_utc > as_of]
    return still_open


def last_known_day(calendar: str) -> date | None:
    """The last day whose sessions ``calendar`` knows, or None if they have no end."""
    if calendar in ENDLESS:
        return None
    latest = type(_settled_exchange(calendar)).bound_max()
    return None if latest is None else latest.date()


def trouble(calendar: str, day: date) -> str:
    """Why the sessions of ``calendar`` are not known on ``day``, and what to do; "" if they are."""
    try:
        last = last_known_day(calendar)
    except ConfigError as unusable:
        return f"{unusable.message}; {_REMEDY}"
    if last is None or day <= last:
        return ""
    return f"calendar '{calendar}' knows no sessions after {last}; {_REMEDY}"


def time_zone(calendar: str) -> str:
    """The time zone by which an instant belongs to a session's date."""
    if calendar == CURRENCIES:
        return _NEW_YORK.key
    if calendar in ENDLESS:
        return "UTC"
    return str(_settled_exchange(calendar).tz)


def session_shift(calendar: str) -> timedelta:
    """How far the dates of ``calendar`` run ahead of its clocks: 7 hours, if the session of a day
    opens at 17:00 on the evening before.
    """
    if calendar == CURRENCIES:
        return _DAY - timedelta(hours=_CURRENCIES_CLOSE.hour)
    if calendar in ENDLESS:
        return timedelta(0)
    exchange = _settled_exchange(calendar)
    opens = exchange.open_times[-1][1]
    time_of_day = timedelta(hours=opens.hour, minutes=opens.minute)
    days_before = -int(exchange.open_offset)
    return days_before * (_DAY - time_of_day)


def sessions_per_year(calendar: str) -> int:
    """How many sessions a year of ``calendar`` has, by the convention that volatility uses."""
    return {CONTINUOUS: 365, CURRENCIES: 260}.get(calendar, 252)


def _utc_day(day: date) -> Session:
    """From midnight to midnight in UTC."""
    open_utc = datetime.combine(day, time(), UTC)
    return Session(day, open_utc, open_utc + _DAY)


def _currency_session(day: date) -> Session:
    """From 17:00 in New York on the evening before to 17:00 on ``day``."""
    opens, closes = (datetime.combine(end, _CURRENCIES_CLOSE) for end in (day - _DAY, day))
    return Session(day, opens.astimezone(UTC), closes.astimezone(UTC))


def _moments(column: pd.Series) -> list[Any]:
    """The instants of a column, None where there is none."""
    return [
        None if is_absent else moment.to_pydatetime()
        for moment, is_absent in zip(column, column.isna(), strict=True)
    ]


def _settled_exchange(calendar: str) -> ExchangeCalendar:
    """The calendar in years that every one knows: zone and opening days are those of all years."""
    exchange = _exchange(calendar, *SETTLED_YEARS)
    if exchange is None:
        raise _unusable(calendar)
    return exchange


def _decades(first_year: int, last_year: int) -> tuple[int, int]:
    """Whole decades, so that a process mostly builds one: it takes long, whatever the span."""
    return first_year // 10 * 10, (last_year + 1) // 10 * 10 + 9


@lru_cache(maxsize=64)
def _exchange(calendar: str, first_year: int, last_year: int) -> ExchangeCalendar | None:
    """The calendar over those of the years that it knows, or None if it knows none of them.

    The bounds keep it off the wall clock.
    """
    start, end = max(f"{first_year:04}-01-01", _FIRST_DAY), min(f"{last_year:04}-12-31", _LAST_DAY)
    try:
        return _built(calendar, start, end)
    except ValueError:  # the years asked for reach beyond what the calendar knows
        kind = type(_built(calendar))
    earliest, latest = kind.bound_min(), kind.bound_max()
    start = start if earliest is None else max(start, str(earliest.date()))
    end = end if latest is None else min(end, str(latest.date()))
    return _built(calendar, start, end) if start < end else None


def _built(calendar: str, *span: str) -> ExchangeCalendar:
    """The calendar from the first to the last day of ``span``, or over the library's own years."""
    import exchange_calendars

    try:
        with warnings.catch_warnings():
            # It calls what pandas 4 will drop, which a reader can do nothing about.
            warnings.simplefilter("ignore", DeprecationWarning)
            return exchange_calendars.get_calendar(calendar, *span)
    except (ValueError, NotImplementedError) as broken:
        if span and isinstance(broken, ValueError):
            raise
        raise _unusable(calendar) from broken


def _unusable(calendar: str) -> ConfigError:
    message = f"the installed exchange_calendars cannot build calendar '{calendar}'"
    return ConfigError(message, next_step=_REMEDY)
