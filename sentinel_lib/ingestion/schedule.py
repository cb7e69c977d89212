"""When bars begin, and what is due: the sessions and intervals whose bars should be here by now."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from sentinel_lib.calendars import Session, last_known_day, open_sessions, sessions, trouble
from sentinel_lib.records.payload import Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.sources import FilesOptions

_A_DAY = timedelta(days=1)


def final_starts(asset: Asset, start: datetime, end: datetime) -> list[list[datetime]]:
    """For each session the bars that begin in ``[start, end]`` and are final by ``end`` (UTC).

    Sessions without such a bar are left out. A bar that crosses the close is final with it.
    """
    by_session = (
        [begin for begin, final in _bars(asset, session) if start <= begin and final <= end]
        for session in sessions(asset.calendar, start.date() - _A_DAY, end.date() + _A_DAY)
    )
    return [starts for starts in by_session if starts]


def due_windows(
    assets: Mapping[str, Asset], start: date, last_bars: Mapping[str, datetime], as_of: datetime
) -> list[Window]:
    """What to ask for at ``as_of``: one window per asset that is not paused and has a bar due.

    Without a calendar nobody knows what is due, so such an asset is not asked for.

    ``last_bars`` holds the timestamp (UTC) of each asset's last good bar; an asset without one is
    asked for from ``start`` on. Files always have a window: they are read anew at every run.
    """
    return [
        Window(symbol, _window_start(asset, start, last_bars.get(symbol), as_of), as_of)
        for symbol, asset in assets.items()
        if not asset.is_paused(as_of)
        and not trouble(asset.calendar, as_of.date())
        and (
            isinstance(asset.options, FilesOptions)
            or due_sessions(asset, start, last_bars.get(symbol), as_of)
        )
    ]


def due_sessions(asset: Asset, start: date, last_bar: datetime | None, as_of: datetime) -> int:
    """How many sessions have a bar that should be here by ``as_of`` and is later than ``last_bar``.

    A daily bar is due when its session has closed, an intraday one when its interval has; either
    the source's grace later.
    """
    return sum(1 for _ in _due(asset, start, last_bar, as_of))


def next_due(
    assets: Mapping[str, Asset], start: date, last_bars: Mapping[str, datetime], as_of: datetime
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


def _due(
    asset: Asset, start: date, last_bar: datetime | None, as_of: datetime
) -> Iterator[Session]:
    if trouble(asset.calendar, as_of.date()):
        return
    deadline = as_of - timedelta(minutes=asset.options.grace_minutes)
    earliest = _next_start(asset, start, last_bar)
    for session in sessions(asset.calendar, earliest.date() - _A_DAY, deadline.date() + _A_DAY):
        begin, final = next(_bars(asset, session, earliest), (None, deadline))
        if begin and begin >= earliest and final <= deadline:
            yield session


def _next_end(asset: Asset, as_of: datetime) -> datetime:
    """The first instant after ``as_of`` at which a bar is due, or at which that is not known."""
    grace = timedelta(minutes=asset.options.grace_minutes)
    deadline = as_of - grace
    ahead = open_sessions(asset.calendar, deadline, 1)
    if not ahead:
        return _midnight((last_known_day(asset.calendar) or as_of.date()) + _A_DAY)
    return next(final for _, final in _bars(asset, ahead[0]) if final > deadline) + grace


def _window_start(
    asset: Asset, start: date, last_bar: datetime | None, as_of: datetime
) -> datetime:
    earliest = _next_start(asset, start, last_bar)
    first = next(_due(asset, start, last_bar, as_of), None) if asset.is_daily else None
    return _midnight(first.date) if first else earliest


def _next_start(asset: Asset, start: date, last_bar: datetime | None) -> datetime:
    if last_bar is None:
        return _midnight(start)
    return _midnight(last_bar.date() + _A_DAY) if asset.is_daily else last_bar + asset.bar_length


def _midnight(day: date) -> datetime:
    """The beginning of ``day`` in UTC."""
    return datetime.combine(day, time(), UTC)


def _bars(
    asset: Asset, session: Session, after: datetime | None = None
) -> Iterator[tuple[datetime, datetime]]:
    """When each bar of a session begins, intraday from ``after`` on, and when it is final: a bar
    that crosses the close is final with it.
    """
    if asset.is_daily:
        yield _midnight(session.date), session.close_utc
        return
    for start in session.bar_starts(asset.bar_length, after):
        yield start, min(start + asset.bar_length, session.close_utc)
