"""Gold: sessions and figures from Silver, checked for completeness, and published."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr.types import Table

from sentinel_lib.calendars import sessions, sessions_per_year
from sentinel_lib.errors import StorageError
from sentinel_lib.gold_metrics import Metric, figures_table
from sentinel_lib.records.bar import WHOLE_DIGITS
from sentinel_lib.records.roles import GOLD_AGGREGATES, GOLD_DAILY, SILVER_BARS
from sentinel_lib.records.stage import AssetLedger, Check
from sentinel_lib.stages.known_calendars import has_known_sessions
from sentinel_lib.stages.sessions import placed_bars
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.frames import frame_of
from sentinel_lib.storage.publisher import Publisher
from sentinel_lib.storage.tables import is_one_of
from sentinel_lib.validation import audit

_KEY = ["symbol", "session"]


def silver_bars(stage: Stage) -> Table:
    """The published bars of every asset that is configured; those of removed assets stay behind.

    So do those of an asset whose calendar does not know the day: it keeps its last good figures.
    Each has its ``session``, and ``is_within_hours``.
    """
    lake = stage.input(SILVER_BARS)
    if not lake.exists(SILVER_BARS):
        raise StorageError(
            f"table {SILVER_BARS} has not been published in {lake.root}", next_step="make run"
        )
    bars = stage.engine.scan(lake.files(SILVER_BARS), schema_of(SILVER_BARS))
    known = [s for s, asset in stage.assets.items() if has_known_sessions(asset, stage.as_of)]
    known_bars = bars.filter(bars.symbol.isin(known or [""]))
    return placed_bars(stage.engine, known_bars, stage.assets, stage.as_of)


def daily_frame(stage: Stage, daily: Table) -> pd.DataFrame:
    """``gold.daily`` as the metrics take it, in order of symbol and session.

    ``sentinel_lib.gold_metrics`` says what its columns are.
    """
    rows = daily.order_by(_KEY).to_pyarrow()
    frame = frame_of(rows)
    calendars = {symbol: asset.calendar for symbol, asset in stage.assets.items()}
    calendar = frame["symbol"].map(calendars)
    return frame.assign(
        exact_volume=pd.arrays.ArrowExtensionArray(rows["volume"]),
        missing_before=_missing_before(frame, calendar),
        sessions_per_year=calendar.map(sessions_per_year),
    )


def completeness(stage: Stage, silver: Table, daily: Table) -> list[Check]:
    """Per asset: every bar of Silver within hours, at least one, is in a session of Gold, and no
    other. A session's volume that has more digits than a table holds is a check of its own.
    """
    made = daily.group_by("symbol").agg(count=daily.bar_count.sum()).to_pyarrow().to_pylist()
    counts = {row["symbol"]: int(row["count"]) for row in made}
    large = daily.filter(daily.is_too_large).group_by("symbol").agg(first=daily.session.min())
    too_large = [
        Check(
            name="volume of a session",
            passed=False,
            table=GOLD_DAILY,
            symbol=row["symbol"],
            observed=f"more than {WHOLE_DIGITS} digits before the point on {row['first']}",
            expected=f"at most {WHOLE_DIGITS}",
        )
        for row in large.order_by("symbol").to_pyarrow().to_pylist()
    ]
    return too_large + [
        Check(
            name="complete against silver.bars",
            passed=counts.get(symbol, 0) == within > 0,
            table=GOLD_DAILY,
            symbol=symbol,
            observed=f"sessions made of {counts.get(symbol, 0)} bars",
            expected=f"{within} bars" if within else f"one of {outside} bars within hours",
        )
        for symbol, (within, outside) in _bars_by_hours(silver).items()
    ]


def gold_ledgers(silver: Table, checks: list[Check]) -> dict[str, AssetLedger]:
    """Every asset's bars within hours: all of them promoted into sessions, or the asset is held
    back whole. Those outside are counted beside them.
    """
    failed = {one.symbol: one for one in checks if not one.passed and one.blocks}
    ledgers = {}
    for symbol, (within, outside) in _bars_by_hours(silver).items():
        ledger = AssetLedger(rows_in=within, promoted=within, outside_hours=outside)
        check = failed.get(symbol)
        if check is not None:
            reason = f"{check.name}: observed {check.observed}, expected {check.expected}"
            held = {"status": "blocked", "reason": reason, "promoted": 0, "quarantined": within}
            ledger = ledger.model_copy(update=held)
        ledgers[symbol] = ledger
    return ledgers


def audit_aggregates(stage: Stage, aggregates: pd.DataFrame) -> list[Check]:
    """The Gold suite over the figures, and that every one of them is finite.

    Where no asset passes there is nothing new to judge: nothing is due, or the gate stops anyway.
    """
    if not stage.passing:
        return []
    judged = aggregates.apply(_with_floats)
    numbers = judged.select_dtypes("number").astype("float64")
    infinite = int(numbers.isin([float("inf"), float("-inf")]).to_numpy().sum())
    finite = Check(
        name="every figure is finite",
        passed=infinite == 0,
        table=GOLD_AGGREGATES,
        observed=f"{infinite} infinite",
        expected="none",
    )
    return [finite, *audit(stage.suite, judged)]


def sessions_to_publish(stage: Stage, daily: Table) -> Table:
    """The sessions of Gold as they will stand: those of ``daily`` for the assets that pass, and
    the published ones of assets that are held back. Call it after ``stage.account``.
    """
    passing, names = stage.passing, schema_of(GOLD_DAILY).names
    held = is_one_of("symbol", [symbol for symbol in stage.assets if symbol not in passing])
    last_good = stage.engine.load(stage.published.read_or_empty(GOLD_DAILY, where=held))
    new = daily.filter(daily.symbol.isin(passing or [""]))
    return stage.engine.materialise(new.select(names).union(last_good.select(names)))


def publish_gold(
    stage: Stage, daily: Table, aggregates: pd.DataFrame, metrics: Sequence[Metric]
) -> Path:
    """Publish the sessions of the assets that pass, and the figures; ``daily`` and ``metrics``
    are what the figures were made of. ``gold.daily`` receives only the sessions that changed.
    """
    stage.require_audit()
    passing, publisher = stage.passing, Publisher(stage.lake, stage.commit)
    rows = daily.filter(daily.symbol.isin(passing or [""]))
    before = stage.published.read_or_empty(GOLD_DAILY, where=is_one_of("symbol", passing))
    new = rows.select(schema_of(GOLD_DAILY).names).to_pyarrow().cast(schema_of(GOLD_DAILY))
    changed = stage.engine.load(new).difference(stage.engine.load(before)).to_pyarrow()
    is_gone = before.join(new.select(_KEY), keys=_KEY, join_type="left anti")
    if stage.is_by_hand or len(is_gone):
        others = stage.published.read_or_empty(GOLD_DAILY)
        kept = others.filter(pc.invert(pc.is_in(others["symbol"], pa.array(passing, pa.string()))))
        publisher.sessions(pa.concat_tables([kept, new]), is_whole=True)
    else:
        publisher.sessions(changed, is_whole=False)
    return publisher.aggregates(figures_table(aggregates, metrics))


def _bars_by_hours(bars: Table) -> dict[str, tuple[int, int]]:
    """How many bars of each asset lie within hours, and how many outside."""
    within = bars.is_within_hours.sum()
    counts = bars.group_by("symbol").agg(within=within, outside=bars.count() - within)
    rows = sorted(counts.to_pyarrow().to_pylist(), key=lambda row: str(row["symbol"]))
    return {row["symbol"]: (int(row["within"]), int(row["outside"])) for row in rows}


def _missing_before(frame: pd.DataFrame, calendar: pd.Series) -> pd.Series:
    """How many sessions of its asset's calendar are missing before each session of ``frame``."""
    missing = pd.Series(0, index=frame.index)
    for name, rows in frame.groupby(calendar):
        days = rows["session"].to_numpy("datetime64[D]")
        known = [one.date for one in sessions(name, rows["session"].min(), rows["session"].max())]
        before, until = (
            np.searchsorted(np.array(known, days.dtype), days, side) for side in ("left", "right")
        )
        gaps = before[1:] - until[:-1]
        follows = rows["symbol"].to_numpy()[1:] == rows["symbol"].to_numpy()[:-1]
        missing[rows.index[1:]] = np.where(follows, gaps, 0)
    return missing


def _with_floats(column: pd.Series) -> pd.Series:
    """Exact decimals, which a suite cannot judge, as floats."""
    is_exact = column.map(lambda value: isinstance(value, Decimal))
    return column.astype("float64") if is_exact.any() else column
