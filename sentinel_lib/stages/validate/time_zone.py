"""Assets whose bars lie within hours only if their times are read in another zone."""

from collections.abc import Iterator
from typing import Any

import ibis
from ibis.expr.types import Table

from sentinel_lib.calendars import time_zone
from sentinel_lib.cleaning.bar_times import (
    instant_of_local,
    local_of_instant,
    session_of,
    with_hours,
)
from sentinel_lib.cleaning.rule_names import MALFORMED
from sentinel_lib.records.stage import Check
from sentinel_lib.stages.sessions import asset_terms
from sentinel_lib.stages.validate.series import Series

FEWEST_TIMES = 20
FITTING, MISFITTING = 0.95, 0.9
"""The part of bars within hours that makes a zone right, and that below which one is wrong."""


def other_time_zone(series: Series) -> Iterator[Check]:
    """A failed check per asset, with the ``timezone`` to set."""
    keeping = [symbol for symbol, asset in series.assets.items() if asset.keeps_hours]
    if not keeping:
        return
    rows = series.rows
    assumed = rows.filter(
        rows.asset.isin(keeping),
        rows.is_zone_assumed,
        rows.timestamp.notnull(),
        rows.rule.isnull() | (rows.rule != MALFORMED),
    )
    terms = asset_terms(series.assets, series.stage.as_of)
    terms = series.stage.engine.load(terms.drop_columns(["calendar", "interval", "fields"]))
    bars = assumed.select("asset", "calendar", "interval", "timezone", "timestamp")
    bars = bars.join(terms, "asset")
    as_read = _within(bars, series.sessions, bars.timezone)
    suspects = {
        key: part
        for key, (part, count) in as_read.items()
        if count >= FEWEST_TIMES and part < MISFITTING
    }
    if not suspects:
        return
    others = (bars.calendar_timezone, ibis.literal("UTC"))
    better = [_within(bars, series.sessions, zone) for zone in others]
    for (symbol, zone), part in sorted(suspects.items()):
        calendar = series.assets[symbol].calendar
        for name, parts in zip((time_zone(calendar), "UTC"), better, strict=True):
            fitting = parts[symbol, zone][0]
            if name != zone and fitting >= FITTING:
                yield series.check(
                    name="time_zone",
                    symbol=symbol,
                    observed=f"{part:.0%} of its bars within the hours of {calendar} as read "
                    f"in {zone}, {fitting:.0%} if read in {name}",
                    expected=f"times in the zone that is set: write timezone: {name}",
                )
                break


def _within(bars: Table, sessions: Table, zone: Any) -> dict[tuple[str, str], tuple[float, int]]:
    """By asset and zone used: the part of bars within hours if read in ``zone``, and the bars."""
    written = local_of_instant(bars.timezone.cast("string"), bars.timestamp)
    read = bars.mutate(timestamp=instant_of_local(zone.cast("string"), written))
    placed = with_hours(read.mutate(session=session_of(read)), sessions)
    counts = placed.group_by(["asset", "timezone"]).agg(
        within=placed.is_within_hours.sum(), bars=placed.count()
    )
    return {
        (row["asset"], row["timezone"]): (row["within"] / row["bars"], row["bars"])
        for row in counts.to_pyarrow().to_pylist()
    }
