"""When an asset has bars: its sessions, and within them the intervals of an intraday series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from sentinel_lib.calendars import Session, last_known_day, open_sessions, sessions, trouble
from sentinel_lib.records.bar import INTERVAL_SECONDS
from sentinel_lib.records.payload import Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.sources import FilesOptions

DAILY = "1d"

_DAY = timedelta(days=1)


def due_windows(
    assets: Mapping[str, Asset],
    start: date,
    last_bars: Mapping[str, datetime],
    as_of: datetime,
) -> list[Window]:
    """What to ask for at ``as_of``: one window per asset that is not paused and has a bar due.

    Without a calendar nobody knows what is due, so such an asset is not asked for.

    ``last_bars`` holds the timestamp (UTC) of each asset's last good bar; an asset without one is
    asked for from ``start`` on. Files always have a window: they are read anew at every run.
    """
    windows = []
    for symbol, asset in assets.items():
        last_bar = last_bars.get(symbol)
        is_due = isinstance(asset.options, FilesOptions) or due_sessions(
            asset, start, last_bar, as_of
        )
        if is_due and not asset.is_paused(as_of) and not trouble(asset.calendar, as_of.date()):
            windows.append(Window(symbol, _window_start(asset, start, last_bar, as_of), as_of))
    return windows


def due_sessions(asset: Asset, start: date, last_bar: datetime | None, as_of: datetime) -> int:
    """How many sessions have a bar that should be here by ``as_of`` and is later than ``last_bar``.

    A daily bar is due when its session has closed, an intraday one when its interval has; either
    the source's grace later.
    """
    return sum(1 for _ in _due(asset, start, last_bar, as_of))


def next_due(
    assets: Mapping[str, Asset],
    start: date,
    last_bars: Mapping[str, datetime],
    as_of: datetime,
) -> datetime | None:
    """When the next bar of any asset is due, or a paused one is to be asked again (UTC).

    None if one is due already. Files owe nothing: what they hold is looked at at every run.
    """
    moments = [datetime.max.replace(tzinfo=UTC)]
    for symbol, asset in assets.items():
        if asset.is_paused(as_of):
            moments.append(_midnight(asset.paused_until or as_of.date()))
            continue
        if trouble(asset.calendar, as_of.date()):
            continue
        is_file = isinstance(asset.options, FilesOptions)
        if not is_file and due_sessions(asset, start, last_bars.get(symbol), as_of):
            return None
        moments.append(_next_end(asset, as_of))
    return min(moments)


def final_starts(asset: Asset, window: Window) -> Iterator[tuple[Session, list[datetime]]]:
    """The sessions with bars that begin in ``window`` and are final by its end, and those bars."""
    for session in _sessions(asset.calendar, _date_before(window.start), window.end.date() + _DAY):
        found = [
            start
            for start in _starts(asset, session, window.end)
            if window.start <= start <= window.end
        ]
        if found:
            yield session, found


@lru_cache(maxsize=256)
def _sessions(calendar: str, first: date, last: date) -> tuple[Session, ...]:
    """Kept, because the assets of one calendar mostly ask the same."""
    return tuple(sessions(calendar, first, last))


def _due(
    asset: Asset, start: date, last_bar: datetime | None, as_of: datetime
) -> Iterator[Session]:
    if trouble(asset.calendar, as_of.date()):
        return
    deadline = as_of - timedelta(minutes=asset.options.grace_minutes)
    earliest = _next_start(asset, start, last_bar)
    if asset.interval == DAILY:
        asked = _sessions(asset.calendar, earliest.date(), deadline.date() + _DAY)
        yield from (session for session in asked if session.close_utc <= deadline)
        return
    length = _interval(asset)
    for session in _sessions(asset.calendar, _date_before(earliest), deadline.date() + _DAY):
        first = next(session.bar_starts(length, earliest), None)
        if first is not None and min(first + length, session.close_utc) <= deadline:
            yield session


def _next_end(asset: Asset, as_of: datetime) -> datetime:
    """The first instant after ``as_of`` at which a bar is due, or at which that is not known."""
    grace = timedelta(minutes=asset.options.grace_minutes)
    asked = as_of - grace
    ahead = open_sessions(asset.calendar, asked, 1)
    if not ahead:
        return _midnight((last_known_day(asset.calendar) or as_of.date()) + _DAY)
    session = ahead[0]
    if asset.interval == DAILY:
        return session.close_utc + grace
    length = _interval(asset)
    ends = (min(start + length, session.close_utc) for start in session.bar_starts(length))
    return next(end for end in ends if end > asked) + grace


def _window_start(
    asset: Asset, start: date, last_bar: datetime | None, as_of: datetime
) -> datetime:
    earliest = _next_start(asset, start, last_bar)
    if asset.interval != DAILY:
        return earliest
    first = next(_due(asset, start, last_bar, as_of), None)
    return _midnight(first.date) if first else earliest


def _next_start(asset: Asset, start: date, last_bar: datetime | None) -> datetime:
    if last_bar is None:
        return _midnight(start)
    return (
        _midnight(last_bar.date() + _DAY)
        if asset.interval == DAILY
        else last_bar + _interval(asset)
    )


def _starts(asset: Asset, session: Session, end: datetime) -> Iterator[datetime]:
    """The bars of one session that are final by ``end``, the first from its opening on.

    One that crosses the close is final with it.
    """
    if asset.interval == DAILY:
        if session.close_utc <= end:
            yield _midnight(session.date)
        return
    length = _interval(asset)
    for start in session.bar_starts(length):
        if min(start + length, session.close_utc) <= end:
            yield start


def _interval(asset: Asset) -> timedelta:
    return timedelta(seconds=INTERVAL_SECONDS[asset.interval])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _date_before(moment: datetime) -> date:
    """Sessions can open on the UTC date before their own."""
    return moment.date() - _DAY
