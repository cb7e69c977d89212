"""The batch: the raw rows that a run is about, from the archive into the engine."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from ibis.expr.types import Table

from sentinel_lib.calendars import session_shift, sessions, time_zone, trouble
from sentinel_lib.cleaning.bar_times import (
    DAILY,
    TIMES,
    date_labels,
    is_within_hours,
    session_of,
)
from sentinel_lib.cleaning.rule_names import WAITING
from sentinel_lib.records.bar import INTERVAL_SECONDS, ISO_8601, VALUE_COLUMNS
from sentinel_lib.records.roles import BRONZE_BARS, BRONZE_FETCHES, QUARANTINE_BARS, SILVER_BARS
from sentinel_lib.records.stage import NO_ASSET
from sentinel_lib.stages.known_calendars import has_known_sessions
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.unlisted import lines_of
from sentinel_lib.storage.catalog import INSTANT, schema_of
from sentinel_lib.storage.tables import is_one_of

EARLIEST_SESSION = date(1900, 1, 1)

_READING = ("payload", "layout")
_FETCH = ("file", "source", "fetched_as_of", "date_format", "timezone")
_RAW = ("payload", "layout", "line", "symbol", "timestamp", *VALUE_COLUMNS)
_TERMS = pa.schema(
    [
        ("asset", pa.string()),
        ("interval", pa.string()),
        ("interval_seconds", pa.int64()),
        ("calendar", pa.string()),
        ("calendar_timezone", pa.string()),
        ("session_shift_seconds", pa.int64()),
        ("keeps_hours", pa.bool_()),
        ("fields", pa.string()),
    ]
)
_HOURS = ("open_utc", "close_utc", "break_start_utc", "break_end_utc")
_SESSIONS = pa.schema(
    [
        ("calendar", pa.string()),
        ("session_date", pa.date32()),
        *((name, INSTANT) for name in _HOURS),
    ]
)


def read_batch(stage: Stage) -> Table:
    """The raw rows to judge: those of this run's payloads, and those that wait for their session
    to close. Each with its fetch and the terms of its asset; ``asset`` is ``(unlisted)`` or
    ``(no symbol)`` where its symbol is none.
    """
    load, of_batch = stage.engine.load, ds.field("run_id") == stage.batch_run_id
    fetches = stage.input(BRONZE_FETCHES).read_or_empty(BRONZE_FETCHES, where=of_batch)
    bars = _bronze_bars(stage)
    waiting = _waiting(stage, fetches)
    fresh = bars.join(load(_readings(fetches)), list(_READING))
    columns = [*_RAW, "defect", "is_provisional", *_FETCH]
    rows = fresh.select(columns).union(load(waiting).select(columns))
    named = rows.mutate(named=rows.symbol.fill_null(""))
    symbols = {name for one in fetches["symbols"].to_pylist() for name in json.loads(one)}
    symbols |= set(waiting["symbol"].to_pylist())
    lines = load(lines_of(stage.assets, stage.selected, symbols))
    return named.join(lines, "named").drop("named").join(load(asset_terms(stage)), "asset")


def payload_labels(stage: Stage, batch: Table) -> Table:
    """The assets and payloads of a batch whose daily times are date labels.

    All rows of the payloads are looked at, whatever rows of them ``batch`` has: what waited means
    what it meant before.
    """
    daily = batch.filter(batch.interval == DAILY)
    reading = daily.select(*(name for name in TIMES if name != "timestamp")).distinct()
    rows = _bronze_bars(stage).select(*_READING, "timestamp", asset="symbol")
    times = rows.join(stage.engine.materialise(reading), [*_READING, "asset"]).select(*TIMES)
    return stage.engine.materialise(date_labels(times, tuple(date_formats(batch)) or (ISO_8601,)))


def date_formats(batch: Table) -> list[str]:
    """How the timestamps of a batch are written."""
    return sorted(batch.select("date_format").distinct().to_pyarrow()["date_format"].to_pylist())


def rows_by_asset(batch: Table) -> dict[str, int]:
    """How many rows of each asset went in, and of no asset."""
    rows = batch.group_by("asset").agg(count=batch.count()).to_pyarrow().to_pylist()
    return {row["asset"]: row["count"] for row in rows}


def asset_terms(stage: Stage) -> pa.Table:
    """What the row work needs to know of each asset, a row each; of rows of no asset nothing."""
    rows = [
        {
            "asset": asset.symbol,
            "interval": asset.interval,
            "interval_seconds": INTERVAL_SECONDS[asset.interval],
            "calendar": asset.calendar,
            "calendar_timezone": time_zone(asset.calendar)
            if has_known_sessions(asset, stage.as_of)
            else "UTC",
            "session_shift_seconds": int(session_shift(asset.calendar).total_seconds())
            if has_known_sessions(asset, stage.as_of)
            else 0,
            "keeps_hours": asset.keeps_hours,
            "fields": asset.fields,
        }
        for asset in stage.assets.values()
    ]
    rows += [{"asset": line} for line in NO_ASSET]
    return pa.Table.from_pylist(rows, schema=_TERMS)


def session_table(stage: Stage, bars: Table) -> Table:
    """The sessions of every calendar in ``bars``, from its first to the day after ``as_of``."""
    spans = bars.group_by("calendar").agg(first=bars.session.min(), last=bars.session.max())
    horizon = stage.as_of.date() + timedelta(days=1)
    rows = [
        {"calendar": span["calendar"], "session_date": session.date, **asdict(session)}
        for span in spans.to_pyarrow().to_pylist()
        if span["first"] is not None and not trouble(span["calendar"], stage.as_of.date())
        for session in sessions(
            span["calendar"],
            max(span["first"], EARLIEST_SESSION),
            min(span["last"], horizon),
        )
    ]
    return stage.engine.load(pa.Table.from_pylist(rows, schema=_SESSIONS))


def published_bars(stage: Stage, typed: Table) -> Table:
    """What Silver holds of a batch's assets between its first bar and its last."""
    span = typed.agg(first=typed.timestamp.min(), last=typed.timestamp.max()).to_pyarrow()
    first, last = span["first"][0].as_py(), span["last"][0].as_py()
    chosen = chosen_silver(stage)
    return chosen.filter(chosen.timestamp.between(first, last)) if first else chosen


def chosen_silver(stage: Stage) -> Table:
    """What Silver holds of the assets that this run is about."""
    bars = _scanned(stage, SILVER_BARS)
    return bars.filter(bars.symbol.isin(stage.selected or [""]))


def placed_bars(stage: Stage, bars: Table) -> Table:
    """Bars of ``silver.bars``, each with its ``session`` and ``is_within_hours``."""
    dated = dated_bars(stage, bars)
    columns = [*bars.columns, "session", "is_within_hours"]
    if not any(asset.keeps_hours for asset in stage.assets.values()):
        return dated.mutate(is_within_hours=True).select(columns)
    keeping = session_table(stage, dated.filter(dated.keeps_hours))
    return in_sessions(dated, keeping).select(columns)


def dated_bars(stage: Stage, bars: Table) -> Table:
    """Bars of ``silver.bars``, each with the terms of its asset and its ``session``."""
    terms = stage.engine.load(asset_terms(stage).rename_columns({"asset": "symbol"}))
    known = bars.join(terms.drop("interval"), "symbol")
    return known.mutate(session=session_of(known))


def in_sessions(bars: Table, sessions: Table) -> Table:
    """``bars``, which have their terms and ``session``, with ``is_within_hours``."""
    hours = sessions.rename(session_calendar="calendar")
    same = [bars.calendar == hours.session_calendar, bars.session == hours.session_date]
    joined = bars.left_join(hours, same)
    return joined.mutate(is_within_hours=is_within_hours(joined)).drop(*hours.columns)


def rows_of(table: Table) -> list[dict[str, Any]]:
    """A small table as plain values."""
    rows: list[dict[str, Any]] = table.to_pyarrow().to_pylist()
    return rows


def _bronze_bars(stage: Stage) -> Table:
    """The raw rows that are published, and those that ingest wrote to the sandbox since."""
    name = BRONZE_BARS
    lakes = {lake.root: lake for lake in (stage.published, stage.input(name))}
    files = [file for lake in lakes.values() if lake.exists(name) for file in lake.files(name)]
    return stage.engine.scan(files, schema_of(name))


def _scanned(stage: Stage, table: str) -> Table:
    return stage.engine.scan(stage.published.files(table), schema_of(table))


def _readings(fetches: pa.Table) -> pa.Table:
    """One row per way of reading a payload: where it came from first, and its newest fetch."""
    merged = fetches.rename_columns({"locator": "file", "as_of": "fetched_as_of"}).group_by(
        [*_READING, "date_format", "timezone", "source"]
    )
    found = merged.aggregate([("file", "min"), ("fetched_as_of", "max")])
    return found.rename_columns({"file_min": "file", "fetched_as_of_max": "fetched_as_of"})


def _waiting(stage: Stage, fetches: pa.Table) -> pa.Table:
    """Quarantined rows whose session had not closed, and whose payload was not fetched again.

    What runs fetched that a rollback has undone does not count.
    """
    where = (
        is_one_of("rule", WAITING)
        & ~ds.field("is_provisional")
        & is_one_of("asset", stage.selected)
        & ~is_one_of("payload", fetches["payload"].unique().to_pylist())
    )
    rows = stage.published.read_or_empty(QUARANTINE_BARS, where=where)
    stands = ~is_one_of("run_id", stage.history.undone())
    payloads = is_one_of("payload", rows["payload"].unique().to_pylist())
    readings = _readings(stage.published.read_or_empty(BRONZE_FETCHES, where=payloads & stands))
    joined = rows.drop_columns(["file", "fetched_as_of", "symbol"]).join(
        readings, keys=list(_READING), join_type="inner"
    )
    joined = joined.rename_columns({"asset": "symbol"})
    return joined.append_column("defect", pa.nulls(len(joined), pa.string()))
