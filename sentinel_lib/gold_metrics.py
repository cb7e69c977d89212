"""The figures of ``aggregates.csv``: one function per column, over one asset's sessions.

Each takes a frame of one asset from ``gold.daily``, a row per session in order of date, with
``session``, ``open``, ``high``, ``low``, ``close``, ``volume`` (floats, NaN where absent) and
``sessions_per_year``. "Nd" means the last N sessions that are there; a figure is empty (None)
where there are fewer, or where it needs a field that the asset lacks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from numbers import Integral
from typing import Any

import pandas as pd

Metric = Callable[[pd.DataFrame], Any]

DECIMALS = 6


def sessions(daily: pd.DataFrame) -> int:
    """The number of sessions."""
    return len(daily)


def first_date(daily: pd.DataFrame) -> date:
    """The date of the first session."""
    return daily["session"].iloc[0]  # type: ignore[no-any-return]


def latest_date(daily: pd.DataFrame) -> date:
    """The date of the latest session."""
    return daily["session"].iloc[-1]  # type: ignore[no-any-return]


def latest_close(daily: pd.DataFrame) -> float:
    """The close of the latest session, in the quote currency."""
    return float(daily["close"].iloc[-1])


def change_1d_pct(daily: pd.DataFrame) -> float | None:
    """The simple return of the latest session over the one before, in percent."""
    if len(daily) < 2:
        return None
    return float(_returns(daily).iloc[-1] * 100)


def avg_7d_close(daily: pd.DataFrame) -> float | None:
    """The arithmetic mean of the last 7 closes, in the quote currency."""
    return _mean_close(daily, 7)


def avg_30d_close(daily: pd.DataFrame) -> float | None:
    """The arithmetic mean of the last 30 closes, in the quote currency."""
    return _mean_close(daily, 30)


def volatility_20d_pct(daily: pd.DataFrame) -> float | None:
    """The annualised standard deviation of the last 20 simple returns, in percent.

    Sample standard deviation (ddof 1) times the square root of the calendar's sessions a year:
    252 for exchanges and weekdays, 365 for 24/7. Needs 21 closes.
    Source: J. C. Hull, Options, Futures, and Other Derivatives, "Estimating volatility from
    historical data", with simple returns in place of logarithmic ones.
    """
    last = _returns(daily).dropna().tail(20)
    if len(last) < 20:
        return None
    return float(last.std(ddof=1) * math.sqrt(daily["sessions_per_year"].iloc[-1]) * 100)


def max_drawdown_pct(daily: pd.DataFrame) -> float:
    """The deepest fall of the close from its highest value until then, in percent; 0 or below."""
    fall = daily["close"] / daily["close"].cummax() - 1
    return float(fall.min() * 100)


def vwap_20d(daily: pd.DataFrame) -> float | None:
    """The volume-weighted average price of the last 20 sessions, in the quote currency.

    The price of a session is the typical one, (high + low + close) / 3. Empty where nothing traded.
    """
    last = daily.tail(20)
    typical = (last["high"] + last["low"] + last["close"]) / 3
    volume = last["volume"].sum(skipna=False)
    if len(last) < 20 or not volume > 0:
        return None
    return float((typical * last["volume"]).sum(skipna=False) / volume)


def latest_volume(daily: pd.DataFrame) -> float:
    """The volume of the latest session, in the asset's own units."""
    return float(daily["volume"].iloc[-1])


def aggregates(daily_bars: pd.DataFrame, metrics: Sequence[Metric]) -> pd.DataFrame:
    """One row per asset, one column per metric, named after it; sorted by symbol.

    Whole numbers stay whole where some assets have none; a figure that no asset has is a float.
    """
    per_asset = list(daily_bars.groupby("symbol", sort=True))
    figures = {
        metric.__name__: _column([metric(daily) for _, daily in per_asset]) for metric in metrics
    }
    return pd.DataFrame({"symbol": [symbol for symbol, _ in per_asset], **figures})


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV: six decimals, rounded half to even; empty for null; LF line ends."""
    lines = [",".join(table.columns)]
    lines += [",".join(map(_cell, row)) for row in table.itertuples(index=False, name=None)]
    return "\n".join(lines) + "\n"


def _returns(daily: pd.DataFrame) -> pd.Series:
    return daily["close"] / daily["close"].shift(1) - 1


def _mean_close(daily: pd.DataFrame, count: int) -> float | None:
    last = daily["close"].tail(count)
    return float(last.mean()) if len(last) == count else None


def _column(values: list[Any]) -> pd.Series:
    present = [value for value in values if not pd.isna(value)]
    if not present:
        return pd.Series(values, dtype="float64")
    is_whole = all(isinstance(value, Integral) for value in present)
    has_gaps = len(present) < len(values)
    return pd.Series(values, dtype="Int64" if is_whole and has_gaps else None)


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.{DECIMALS}f}".replace(f"-{0:.{DECIMALS}f}", f"{0:.{DECIMALS}f}")
    text = str(value)
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
