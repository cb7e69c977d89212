"""Gold: sessions and figures from Silver, checked for completeness, and published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr.types import Table

from sentinel_lib.calendars import sessions_per_year
from sentinel_lib.cleaning.bar_times import is_within_hours, session_of
from sentinel_lib.errors import StageError, StorageError
from sentinel_lib.gold_metrics import csv_text
from sentinel_lib.records.bar import WHOLE_DIGITS
from sentinel_lib.records.stage import HELD_BACK, AssetLedger, Check
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.frames import frame_of
from sentinel_lib.storage.schemas import SCHEMAS
from sentinel_lib.storage.tables import is_one_of
from sentinel_lib.validation import audit
from sentinel_lib.workbench.batch import asset_terms, session_table
from sentinel_lib.workbench.candidate import SILVER
from sentinel_lib.workbench.known_calendars import has_known_sessions
from sentinel_lib.workbench.stage import Stage

DAILY = "gold.daily"
AGGREGATES = "gold.aggregates"
AGGREGATES_FILE = "aggregates.csv"

_KEY = ["symbol", "session"]


def silver_bars(stage: Stage) -> Table:
    """The published bars of every asset that is configured; those of removed assets stay behind.

    So do those of an asset whose calendar does not know the day: it keeps its last good figures.
    Each has its ``session``, and ``is_within_hours``.
    """
    lake = stage.published
    if not lake.exists(SILVER):
        raise StorageError(
            f"table {SILVER} has not been published in {lake.root}", next_step="make run"
        )
    bars = stage.engine.scan(lake.files(SILVER), SCHEMAS[SILVER])
    known = [symbol for symbol in stage.assets if has_known_sessions(stage, symbol)]
    chosen = bars.filter(bars.symbol.isin(known or [""]))
    terms = stage.engine.load(asset_terms(stage).rename_columns({"asset": "symbol"}))
    placed = _placed(stage, chosen.join(terms.drop("interval"), "symbol"))
    return placed.select(*SCHEMAS[SILVER].names, "session", "is_within_hours")


def daily_frame(stage: Stage, daily: Table) -> pd.DataFrame:
    """``gold.daily`` as the metrics take it: floats, in order of symbol and session."""
    frame = frame_of(daily.order_by(_KEY).to_pyarrow())
    years = {symbol: sessions_per_year(asset.calendar) for symbol, asset in stage.assets.items()}
    return frame.assign(sessions_per_year=frame["symbol"].map(years))


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
            table=DAILY,
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
            table=DAILY,
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

    Where no asset has a bar yet nothing is due, and there is nothing to judge.
    """
    if not stage.ledgers:
        return []
    numbers = aggregates.select_dtypes("number").astype("float64")
    infinite = int(numbers.isin([float("inf"), float("-inf")]).to_numpy().sum())
    finite = Check(
        name="every figure is finite",
        passed=infinite == 0,
        table=AGGREGATES,
        observed=f"{infinite} infinite",
        expected="none",
    )
    return [finite, *audit(stage.suite, aggregates)]


def publish_gold(
    stage: Stage, daily: Table, aggregates: pd.DataFrame, ledgers: Mapping[str, AssetLedger]
) -> Path:
    """Publish sessions and figures of the assets that pass; the others keep what they had.

    ``gold.daily`` receives only the sessions that changed.
    """
    passing = [symbol for symbol, one in ledgers.items() if one.status not in HELD_BACK]
    rows = daily.filter(daily.symbol.isin(passing or [""]))
    before = stage.published.read_or_empty(DAILY, where=is_one_of("symbol", passing))
    new = rows.select(SCHEMAS[DAILY].names).to_pyarrow().cast(SCHEMAS[DAILY])
    changed = stage.engine.load(new).difference(stage.engine.load(before)).to_pyarrow()
    is_gone = before.join(new.select(_KEY), keys=_KEY, join_type="left anti")
    if stage.is_by_hand or len(is_gone):
        others = stage.published.read_or_empty(DAILY)
        kept = others.filter(pc.invert(pc.is_in(others["symbol"], pa.array(passing, pa.string()))))
        stage.lake.overwrite(DAILY, pa.concat_tables([kept, new]), stage.commit)
    elif len(changed) or not stage.lake.exists(DAILY):
        stage.lake.upsert(DAILY, changed, _KEY, stage.commit)
    table = _with_last_good(stage, aggregates, passing)
    stage.lake.replace_if_changed(AGGREGATES, table, stage.commit)
    path = stage.output / "gold" / AGGREGATES_FILE
    artifacts.replace(path, csv_text(table.to_pandas()).encode())
    return path


def _placed(stage: Stage, bars: Table) -> Table:
    """``bars`` with ``session`` and ``is_within_hours``."""
    dated = bars.mutate(session=session_of(bars))
    if not any(asset.keeps_hours for asset in stage.assets.values()):
        return dated.mutate(is_within_hours=True)
    sessions = session_table(stage, dated.filter(dated.keeps_hours))
    of_calendar = sessions.rename(session_calendar="calendar")
    same = [dated.calendar == of_calendar.session_calendar, dated.session == sessions.session_date]
    joined = dated.left_join(of_calendar, same)
    return joined.mutate(is_within_hours=is_within_hours(joined))


def _bars_by_hours(bars: Table) -> dict[str, tuple[int, int]]:
    """How many bars of each asset lie within hours, and how many outside."""
    within = bars.is_within_hours.sum()
    counts = bars.group_by("symbol").agg(within=within, outside=bars.count() - within)
    rows = sorted(counts.to_pyarrow().to_pylist(), key=lambda row: str(row["symbol"]))
    return {row["symbol"]: (int(row["within"]), int(row["outside"])) for row in rows}


def _with_last_good(stage: Stage, aggregates: pd.DataFrame, passing: list[str]) -> pa.Table:
    """The new figures of assets that pass, and the published ones of those that are held back."""
    new = aggregates[aggregates["symbol"].isin(passing)]
    table = pa.Table.from_pandas(new, preserve_index=False)
    held = [symbol for symbol in stage.assets if symbol not in passing]
    if held and stage.published.exists(AGGREGATES):
        where = is_one_of("symbol", held)
        last_good = stage.published.read(AGGREGATES, where=where)
        try:
            table = pa.concat_tables(
                [table, last_good.select(table.column_names)], promote_options="permissive"
            )
        except (KeyError, pa.ArrowException) as mismatch:
            raise StageError(
                f"the figures of {', '.join(held)} are held back, and the published ones "
                f"have other columns: {mismatch}",
                next_step="mend the assets that are held back, then change the metrics",
            ) from mismatch
    return table.sort_by("symbol")
