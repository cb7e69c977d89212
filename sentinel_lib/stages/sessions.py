"""Where bars stand: the terms of their assets, the sessions of their calendars, and the hours.

A calendar may end: it warns in time, and then only its assets are held back.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib.calendars import session_shift, sessions, time_zone, trouble
from sentinel_lib.cleaning.bar_times import is_in_closed_weekend, session_of, with_hours
from sentinel_lib.errors import counted
from sentinel_lib.records.bar import INTERVAL_SECONDS
from sentinel_lib.records.roles import BRONZE_FETCHES
from sentinel_lib.records.stage import NO_ASSET, Check
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.calendar_names import CURRENCIES
from sentinel_lib.storage.catalog import COUNT, INSTANT, TEXT
from sentinel_lib.storage.engine import Engine

EARLIEST_SESSION = date(1900, 1, 1)
WARNED_AHEAD = timedelta(days=60)

_TERMS = {
    **dict.fromkeys(("asset", "interval", "calendar", "calendar_timezone"), TEXT),
    **dict.fromkeys(("fields", "prices"), TEXT),
    **dict.fromkeys(("interval_seconds", "session_shift_seconds"), COUNT),
    "keeps_hours": pa.bool_(),
}
_HOURS = ("open_utc", "close_utc", "break_start_utc", "break_end_utc")
_SESSIONS = {"calendar": TEXT, "session_date": pa.date32(), **dict.fromkeys(_HOURS, INSTANT)}


def calendar_checks(chosen: Mapping[str, Asset], as_of: datetime) -> list[Check]:
    """A failed check, which warns, per calendar that ends within ``WARNED_AHEAD`` of ``as_of``."""
    calendars = [asset.calendar for asset in chosen.values()]
    horizon = (as_of + WARNED_AHEAD).date()
    return [
        Check(
            name=f"calendar {calendar} is known ahead",
            passed=False,
            table=BRONZE_FETCHES,
            blocks=False,
            observed=f"{reason} ({counted(calendars.count(calendar), 'asset')})",
            expected=f"sessions known for {WARNED_AHEAD.days} days after as_of",
        )
        for calendar in sorted(set(calendars))
        if (reason := trouble(calendar, horizon))
    ]


def has_known_sessions(asset: Asset, as_of: datetime) -> bool:
    """Whether the sessions of an asset are known at ``as_of``, so that its bars can be placed."""
    return not trouble(asset.calendar, as_of.date())


def asset_terms(assets: Mapping[str, Asset], as_of: datetime) -> pa.Table:
    """What the row work needs to know of each asset, a row each; of rows of no asset nothing.

    An asset without known sessions has its times in UTC.
    """
    rows: list[dict[str, object]] = [{"asset": line} for line in NO_ASSET]
    for asset in assets.values():
        is_known = has_known_sessions(asset, as_of)
        shift = session_shift(asset.calendar) if is_known else timedelta()
        rows.append(
            {
                "asset": asset.symbol,
                "interval": asset.interval,
                "interval_seconds": INTERVAL_SECONDS[asset.interval],
                "calendar": asset.calendar,
                "calendar_timezone": time_zone(asset.calendar) if is_known else "UTC",
                "session_shift_seconds": int(shift.total_seconds()),
                "keeps_hours": asset.keeps_hours,
                "fields": asset.fields,
                "prices": asset.prices,
            }
        )
    return pa.Table.from_pylist(rows, schema=pa.schema(_TERMS))


def session_table(engine: Engine, bars: Table, as_of: datetime) -> Table:
    """The sessions of every calendar in ``bars``, from its first to the day after ``as_of``.

    One row per ``calendar`` and ``session_date``, with ``open_utc``, ``close_utc``,
    ``break_start_utc`` and ``break_end_utc``.
    """
    spans = bars.group_by("calendar").agg(first=bars.session.min(), last=bars.session.max())
    horizon = as_of.date() + timedelta(days=1)
    rows = [
        {"calendar": span["calendar"], "session_date": session.date, **asdict(session)}
        for span in spans.to_pyarrow().to_pylist()
        if span["first"] is not None and not trouble(span["calendar"], as_of.date())
        for session in sessions(
            span["calendar"], max(span["first"], EARLIEST_SESSION), min(span["last"], horizon)
        )
    ]
    return engine.load(pa.Table.from_pylist(rows, schema=pa.schema(_SESSIONS)))


def dated_bars(engine: Engine, bars: Table, assets: Mapping[str, Asset], as_of: datetime) -> Table:
    """Bars of ``silver.bars``, each with the terms of its asset and its ``session``."""
    terms = engine.load(asset_terms(assets, as_of).rename_columns({"asset": "symbol"}))
    known = bars.join(terms.drop("interval"), "symbol")
    return known.mutate(session=session_of(known))


def placed_bars(engine: Engine, bars: Table, assets: Mapping[str, Asset], as_of: datetime) -> Table:
    """Bars of ``silver.bars``, each with its ``session`` and ``is_within_hours``."""
    dated = dated_bars(engine, bars, assets, as_of)
    columns = [*bars.columns, "session", "is_within_hours"]
    if not any(asset.keeps_hours for asset in assets.values()):
        has_weekend = any(asset.calendar == CURRENCIES for asset in assets.values())
        is_within = ~is_in_closed_weekend(dated) if has_weekend else ibis.literal(True)
        return dated.mutate(is_within_hours=is_within).select(columns)
    keeping = session_table(engine, dated.filter(dated.keeps_hours), as_of)
    return with_hours(dated, keeping).select(columns)


def within_times_of(bars: Table, batch: Table) -> Table:
    """Those of ``bars`` that lie between the first ``timestamp`` of ``batch`` and its last."""
    span = batch.agg(first=batch.timestamp.min(), last=batch.timestamp.max()).to_pyarrow()
    first, last = span["first"][0].as_py(), span["last"][0].as_py()
    return bars.filter(bars.timestamp.between(first, last)) if first else bars
