"""The same work as ``by_hand_duckdb.py``, in Polars' streaming engine.

``python benchmarks/by_hand_polars.py INBOX OUTPUT``. Polars is in no lock: `pip install polars`.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import polars as pl

_VALUES = ("open", "high", "low", "close", "volume")
_KEY = ["symbol", "timestamp"]


def main(inbox: Path, output: Path) -> None:
    """Write ``quarantine``, ``silver``, ``daily`` and ``aggregates`` into ``output``."""
    output.mkdir(parents=True, exist_ok=True)
    judged = _judged(inbox).collect(engine="streaming")
    good = judged.lazy().filter(pl.col("rule").is_null())
    distinct = pl.struct(_VALUES).n_unique().alias("readings")
    repeated = good.group_by(_KEY).agg(pl.len(), distinct).filter(pl.col("len") > 1)
    repeated = repeated.collect(engine="streaming").lazy()
    rivals = good.join(repeated, on=_KEY)
    conflicts = rivals.filter(pl.col("readings") > 1).with_columns(rule=pl.lit("conflicting_key"))
    refused = judged.lazy().filter(pl.col("rule").is_not_null())
    columns = [*_KEY, "text", "rule"]
    quarantine = pl.concat([refused.select(columns), conflicts.select(columns)])
    quarantine.sort(columns).sink_parquet(output / "quarantine.parquet")
    once = rivals.filter(pl.col("readings") == 1).unique(_KEY)
    silver = [*_KEY, *_VALUES]
    alone = good.join(repeated, on=_KEY, how="anti")
    clean = pl.concat([alone.select(silver), once.select(silver)])
    clean.sort(_KEY).sink_parquet(output / "silver.parquet", compression="zstd")
    daily = _daily(output / "silver.parquet").collect(engine="streaming")
    daily.write_parquet(output / "daily.parquet")
    _aggregates(daily).write_csv(output / "aggregates.csv")


def _judged(inbox: Path) -> pl.LazyFrame:
    raw = pl.scan_csv(inbox / "*.csv", infer_schema=False, include_file_paths="path")
    typed = raw.with_columns(
        symbol=pl.col("path").str.extract(r"([^/]+)\.csv$"),
        timestamp=pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False),
        text=pl.concat_str("timestamp", *_VALUES, separator=",", ignore_nulls=True),
        **{name: pl.col(name).cast(pl.Decimal(18, 8), strict=False) for name in _VALUES},
        **{f"{name}_there": pl.col(name).is_not_null() for name in _VALUES},
    )
    rule = pl.when(pl.col("timestamp").is_null()).then(pl.lit("timestamp.unreadable"))
    for name in _VALUES:
        is_unreadable = pl.col(name).is_null() & pl.col(f"{name}_there")
        rule = rule.when(is_unreadable).then(pl.lit(f"{name}.unreadable"))
    opened, high, low, close, volume = map(pl.col, _VALUES)
    is_missing = pl.any_horizontal(pl.col(_VALUES).is_null())
    is_outside = (opened <= 0) | (high <= 0) | (low <= 0) | (close <= 0) | (volume < 0)
    is_unordered = (high < low) | (high < opened) | (high < close) | (opened < low) | (close < low)
    rule = rule.when(is_missing).then(pl.lit("null")).when(is_outside).then(pl.lit("range"))
    rule = rule.when(is_unordered).then(pl.lit("order")).alias("rule")
    return typed.with_columns(rule).select(*_KEY, *_VALUES, "rule", "text")


def _daily(silver: Path) -> pl.LazyFrame:
    bars = pl.scan_parquet(silver).with_columns(session=pl.col("timestamp").dt.date())
    by_time = pl.col("timestamp")
    return (
        bars.group_by("symbol", "session")
        .agg(
            open=pl.col("open").sort_by(by_time).first(),
            high=pl.col("high").max(),
            low=pl.col("low").min(),
            close=pl.col("close").sort_by(by_time).last(),
            volume=pl.col("volume").sum(),
            bar_count=pl.len(),
        )
        .sort("symbol", "session")
    )


def _aggregates(daily: pl.DataFrame) -> pl.DataFrame:
    numbers = daily.with_columns(pl.col(_VALUES).cast(pl.Float64))
    rows = []
    for (symbol,), one in numbers.group_by("symbol", maintain_order=True):
        close, last = one["close"], one.tail(20)
        changes, count = close.pct_change(), len(one)
        typical = (last["high"] + last["low"] + last["close"]) / 3
        rows.append(
            {
                "symbol": symbol,
                "sessions": count,
                "first_date": one["session"][0],
                "latest_date": one["session"][-1],
                "latest_close": close[-1],
                "change_1d_pct": 100 * changes[-1] if count > 1 else None,
                "avg_7d_close": close.tail(7).mean() if count > 6 else None,
                "avg_30d_close": close.tail(30).mean() if count > 29 else None,
                "volatility_20d_pct": 100 * math.sqrt(365) * changes.tail(20).std()
                if count > 20
                else None,
                "max_drawdown_pct": 100 * (close / close.cum_max() - 1).min(),
                "vwap_20d": (typical * last["volume"]).sum() / last["volume"].sum()
                if count > 19
                else None,
                "latest_volume": one["volume"][-1],
            }
        )
    return pl.DataFrame(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
