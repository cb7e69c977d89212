"""What is due: the sessions and intervals of an asset whose bars should be here by now."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from sentinel_lib.calendars import Session, last_known_day, open_sessions, trouble
from sentinel_lib.ingestion.bar_starts import A_DAY, DAILY, cached_sessions, length_of, midnight
from sentinel_lib.records.payload import Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.sources import FilesOptions


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
            moments.append(midnight(asset.paused_until or as_of.date()))
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
    last_day = deadline.date() + A_DAY
    if asset.interval == DAILY:
        ahead = cached_sessions(asset.calendar, earliest.date(), last_day)
        yield from (session for session in ahead if session.close_utc <= deadline)
        return
    length = length_of(asset.interval)
    for session in cached_sessions(asset.calendar, earliest.date() - A_DAY, last_day):
        first = next(session.bar_starts(length, earliest), None)
        if first is not None and min(first + length, session.close_utc) <= deadline:
            yield session


def _next_end(asset: Asset, as_of: datetime) -> datetime:
    """The first instant after ``as_of`` at which a bar is due, or at which that is not known."""
    grace = timedelta(minutes=asset.options.grace_minutes)
    deadline = as_of - grace
    ahead = open_sessions(asset.calendar, deadline, 1)
    if not ahead:
        return midnight((last_known_day(asset.calendar) or as_of.date()) + A_DAY)
    session = ahead[0]
    if asset.interval == DAILY:
        return session.close_utc + grace
    length = length_of(asset.interval)
    ends = (min(start + length, session.close_utc) for start in session.bar_starts(length))
    return next(end for end in ends if end > deadline) + grace


def _window_start(
    asset: Asset, start: date, last_bar: datetime | None, as_of: datetime
) -> datetime:
    earliest = _next_start(asset, start, last_bar)
    if asset.interval != DAILY:
        return earliest
    first = next(_due(asset, start, last_bar, as_of), None)
    return midnight(first.date) if first else earliest


def _next_start(asset: Asset, start: date, last_bar: datetime | None) -> datetime:
    if last_bar is None:
        return midnight(start)
    is_daily = asset.interval == DAILY
    return midnight(last_bar.date() + A_DAY) if is_daily else last_bar + length_of(asset.interval)
