"""The library of ``40_build_gold``: sessions and metrics from Silver, checked, and published."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr.types import Table

from sentinel_lib.calendars import sessions, sessions_per_year
from sentinel_lib.gold_metrics import POSITIVE_PRICES, Metric, is_possible, metrics_table
from sentinel_lib.records.bar import WHOLE_DIGITS
from sentinel_lib.records.roles import GOLD_AGGREGATES, GOLD_DAILY, SILVER_BARS
from sentinel_lib.records.stage import AssetLedger, Check
from sentinel_lib.rules.kinds import RowRule, Rule
from sentinel_lib.rules.suites import Suite
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages.changed_silver import (
    Change,
    any_of,
    silver_parts,
)
from sentinel_lib.stages.sessions import has_known_sessions, placed_bars
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.catalog import CATALOG, schema_of
from sentinel_lib.storage.frames import frame_of
from sentinel_lib.storage.publisher import Publisher
from sentinel_lib.storage.tables import is_one_of
from sentinel_lib.validation import audit

BarsByHours = Mapping[str, tuple[int, int]]
"""By symbol how many bars lie within hours, and how many outside."""

_KEY = list(CATALOG[GOLD_DAILY].key)
_COLUMNS = schema_of(GOLD_DAILY).names


def silver_bars(stage: Stage, changes: Sequence[Change] | None) -> Table:
    """The bars of all sessions of Silver that have changed (None: that there are), each with its
    ``session`` and ``is_within_hours``.

    Those of an asset whose calendar does not know the day are left out: it keeps its last good
    metrics. Raises ``StorageError`` if there is no Silver yet.
    """
    bars = stage.engine.scan(silver_parts(stage, changes), schema_of(SILVER_BARS))
    assets, as_of = stage.assets, stage.as_of
    known = [symbol for symbol, asset in assets.items() if has_known_sessions(asset, as_of)]
    bars = bars.filter(bars.symbol.isin(known or [""]))
    if changes is None:
        return placed_bars(stage.engine, bars, assets, as_of)
    near = any_of([change.has_bars(bars) for change in changes], bars)
    placed = placed_bars(stage.engine, near, assets, as_of)
    return any_of([change.has_session(placed) for change in changes], placed)


def daily_frame(daily: Table, assets: Mapping[str, Asset]) -> pd.DataFrame:
    """``gold.daily`` as the metrics take it, in order of symbol and session.

    ``sentinel_lib.gold_metrics`` says what its columns are.
    """
    rows = daily.order_by(_KEY).to_pyarrow()
    frame = frame_of(rows)
    calendar = frame["symbol"].map({symbol: asset.calendar for symbol, asset in assets.items()})
    declared = {symbol: _declared(asset) for symbol, asset in assets.items()}
    return frame.assign(
        exact_volume=pd.arrays.ArrowExtensionArray(rows["volume"]),
        missing_before=_missing_before(frame, calendar),
        sessions_per_year=calendar.map(sessions_per_year),
        declares=frame["symbol"].map(declared),
    )


def completeness(hours: BarsByHours, daily: Table) -> list[Check]:
    """A check per asset: every one of its bars within ``hours``, at least one, is in a session of
    ``daily``, and no other. A session's volume with more digits than a table holds is another.
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
        for symbol, (within, outside) in hours.items()
    ]


def gold_ledgers(
    hours: BarsByHours, checks: Iterable[Check], unchanged: Iterable[str]
) -> dict[str, AssetLedger]:
    """By symbol an asset's bars within hours: all of them promoted into sessions, or held back
    whole where one of its ``checks`` failed. Those outside hours are counted beside them.
    ``unchanged`` assets have no bar to make anything of.
    """
    failed = {check.symbol: check for check in checks if not check.passed and check.blocks}
    ledgers = {symbol: AssetLedger() for symbol in unchanged}
    for symbol, (within, outside) in hours.items():
        ledger = AssetLedger(rows_in=within, promoted=within, outside_hours=outside)
        if check := failed.get(symbol):
            reason = f"{check.name}: observed {check.observed}, expected {check.expected}"
            held = {"status": "blocked", "reason": reason, "promoted": 0, "quarantined": within}
            ledger = ledger.model_copy(update=held)
        ledgers[symbol] = ledger
    return ledgers


def unchanged_assets(
    stage: Stage, hours: BarsByHours, changes: Sequence[Change] | None
) -> list[str]:
    """The assets that have sessions in Gold and none that has changed."""
    if changes is None:
        return []
    published = stage.published.read_or_empty(GOLD_DAILY, columns=["symbol"])["symbol"]
    known = set(published.unique().to_pylist()) & stage.assets.keys()
    return sorted(known - hours.keys())


def sessions_to_publish(stage: Stage, daily: Table, changes: Sequence[Change] | None) -> Table:
    """The sessions of Gold as they will stand: those of ``daily`` for the assets that pass, and the
    published ones of the others, which are held back; and those that have not changed.
    """
    passing = stage.passing
    kept = list(stage.assets) if changes is not None else [*stage.assets.keys() - set(passing)]
    published = stage.published.read_or_empty(GOLD_DAILY, where=is_one_of("symbol", kept))
    new = daily.filter(daily.symbol.isin(passing or [""]))
    last_good = stage.engine.load(published).anti_join(new, _KEY)
    return stage.engine.materialise(new.select(_COLUMNS).union(last_good.select(_COLUMNS)))


def audit_aggregates(
    aggregates: pd.DataFrame,
    metrics: Sequence[Metric],
    assets: Mapping[str, Asset],
    suite: Suite,
    passing: Collection[str],
) -> list[Check]:
    """The Gold suite over ``aggregates``, and a check that every metric is finite.

    A rule about the values of a metric that none of the ``assets`` there can have is left out.
    Where no asset passes there is nothing new to audit: nothing is due, or the gate stops anyway.
    """
    if not passing:
        return []
    judged = aggregates.apply(_with_floats)
    numbers = judged.select_dtypes("number").astype("float64")
    infinite = int(numbers.isin([float("inf"), float("-inf")]).to_numpy().sum())
    finite = Check(
        name="every metric is finite",
        passed=infinite == 0,
        table=GOLD_AGGREGATES,
        observed=f"{infinite} infinite",
        expected="none",
    )
    declared = {_declared(assets[symbol]) for symbol in aggregates["symbol"] if symbol in assets}
    empty = {
        metric.__name__
        for metric in metrics
        if not any(is_possible(metric, terms) for terms in declared)
    }
    rules = [
        rule for rule in suite.rules if empty.isdisjoint(rule.columns) or not _passes_over(rule)
    ]
    return [finite, *audit(suite, judged, rules)]


def extremes(aggregates: pd.DataFrame) -> pd.DataFrame:
    """One row per metric that every asset has as a number: the lowest and the highest value, and
    the symbols that have them.
    """
    by_symbol = aggregates.set_index("symbol").select_dtypes("number").dropna(axis=1)
    rows = [
        (name, values.idxmin(), values.min(), values.idxmax(), values.max())
        for name, values in by_symbol.items()
        if len(values)
    ]
    columns = ["metric", "lowest_symbol", "lowest", "highest_symbol", "highest"]
    return pd.DataFrame(rows, columns=columns)


def publish_gold(
    stage: Stage, daily: Table, aggregates: pd.DataFrame, metrics: Sequence[Metric]
) -> Path:
    """Publish the sessions of the assets that pass, and the metrics; ``daily`` and ``metrics`` are
    what ``aggregates`` was made of. ``gold.daily`` receives only the sessions that changed.

    Gives the path of ``aggregates.csv``. Raises ``GateBlocked`` where no gate has heard the suite,
    ``StageError`` for a column that no metric makes, ``StorageError`` if nothing can be written.
    """
    stage.require_audit()
    passing, publisher = stage.passing, Publisher(stage.lake, stage.commit)
    rows = daily.filter(daily.symbol.isin(passing or [""]))
    before = stage.published.read_or_empty(GOLD_DAILY, where=is_one_of("symbol", passing))
    new = rows.select(_COLUMNS).to_pyarrow().cast(schema_of(GOLD_DAILY))
    changed = stage.engine.load(new).difference(stage.engine.load(before)).to_pyarrow()
    is_gone = before.join(new.select(_KEY), keys=_KEY, join_type="left anti")
    if stage.is_by_hand or len(is_gone):
        others = stage.published.read_or_empty(GOLD_DAILY)
        kept = others.filter(pc.invert(pc.is_in(others["symbol"], pa.array(passing, pa.string()))))
        publisher.sessions(pa.concat_tables([kept, new]), is_whole=True)
    else:
        publisher.sessions(changed, is_whole=False)
    return publisher.aggregates(metrics_table(aggregates, metrics))


def _declared(asset: Asset) -> frozenset[str]:
    """What metrics may need of an asset, as far as it has it."""
    return frozenset(asset.columns) | ({POSITIVE_PRICES} if asset.prices == "positive" else set())


def _passes_over(rule: Rule) -> bool:
    """Whether ``rule`` says nothing of a row without a value."""
    return isinstance(rule, RowRule) and not rule.judges_missing


def bars_by_hours(bars: Table) -> dict[str, tuple[int, int]]:
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
        expected = sessions(name, rows["session"].min(), rows["session"].max())
        dates = np.array([session.date for session in expected], days.dtype)
        before, until = (np.searchsorted(dates, days, side) for side in ("left", "right"))
        gaps = before[1:] - until[:-1]
        follows = rows["symbol"].to_numpy()[1:] == rows["symbol"].to_numpy()[:-1]
        missing[rows.index[1:]] = np.where(follows, gaps, 0)
    return missing


def _with_floats(column: pd.Series) -> pd.Series:
    """Exact decimals, which a suite cannot judge, as floats."""
    is_exact = column.map(lambda value: isinstance(value, Decimal))
    return column.astype("float64") if is_exact.any() else column
