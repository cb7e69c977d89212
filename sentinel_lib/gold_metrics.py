"""The metrics of ``aggregates.csv``: one function per column, over one asset's sessions.

Each takes a frame of one asset from ``gold.daily``, a row per session in order of date:

- ``session``, its date; ``open``, ``high``, ``low``, ``close``, ``volume``: floats, NaN if absent;
- ``exact_volume``: the volume as stored, a Decimal, or NA;
- ``missing_before``: how many sessions of the asset's calendar are missing before this one;
- ``sessions_per_year``: of the asset's calendar, by the convention of volatility;
- ``declares``: a set of the fields that the asset declares, with ``POSITIVE_PRICES`` if its
  prices are: an asset with ``prices: any`` has no metric that divides by a price.

"Nd" means the last N sessions that are there; a metric is None where there are fewer. ``@unit``
declares its unit, which decides the type of its column and how it is written, and what it needs:
it is empty for an asset that does not declare all of that.
"""

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Context, Decimal
from io import StringIO
from typing import Any

import pandas as pd
import pyarrow as pa

from sentinel_lib.errors import StageError, listed, nearest
from sentinel_lib.records.bar import DIGITS, SCALE, plain_number

Metric = Callable[[pd.DataFrame], Any]

UNITS: dict[str, pa.DataType] = {
    "price": pa.float64(),
    "percent": pa.float64(),
    "volume": pa.decimal128(DIGITS, SCALE),
    "count": pa.int64(),
    "date": pa.date32(),
}
"""Each unit that a metric may declare, with the type of its column."""

POSITIVE_PRICES = "positive prices"

DECIMALS = 6
SIGNIFICANT_DIGITS = 10
"""Of prices below 1."""

_ROOMY = Context(prec=100)


def unit(name: str, *, needs: Iterable[str] = ()) -> Callable[[Metric], Metric]:
    """Declare the unit of a metric, one of ``UNITS``, and what of ``declares`` it needs.

    Raises ``StageError`` for another unit.
    """
    if name not in UNITS:
        raise StageError(
            f"'{name}' is not a unit of a metric{nearest(name, UNITS)}",
            expected=f"one of {', '.join(UNITS)}",
            next_step="declare one of these by @unit, or add another to UNITS in gold_metrics.py",
        )

    def declare(metric: Metric) -> Metric:
        metric.__dict__.update(unit=name, needs=frozenset(needs))
        return metric

    return declare


@unit("count")
def sessions(daily: pd.DataFrame) -> int:
    """The number of sessions."""
    return len(daily)


@unit("date")
def first_date(daily: pd.DataFrame) -> date:
    """The date of the first session."""
    return daily["session"].iloc[0]  # type: ignore[no-any-return]


@unit("date")
def latest_date(daily: pd.DataFrame) -> date:
    """The date of the latest session."""
    return daily["session"].iloc[-1]  # type: ignore[no-any-return]


@unit("price")
def latest_close(daily: pd.DataFrame) -> float:
    """The close of the latest session, in the quote currency."""
    return float(daily["close"].iloc[-1])


@unit("percent", needs=(POSITIVE_PRICES,))
def change_1d_pct(daily: pd.DataFrame) -> float | None:
    """The simple return of the latest session over the one before, in percent.

    Empty where the session before, by the asset's calendar, is missing, and for ``prices: any``.
    """
    if len(daily) < 2 or daily["missing_before"].iloc[-1]:
        return None
    return float(daily["close"].pct_change().iloc[-1] * 100)


@unit("price")
def avg_7d_close(daily: pd.DataFrame) -> float | None:
    """The arithmetic mean of the last 7 closes, in the quote currency."""
    return _mean_close(daily, 7)


@unit("price")
def avg_30d_close(daily: pd.DataFrame) -> float | None:
    """The arithmetic mean of the last 30 closes, in the quote currency."""
    return _mean_close(daily, 30)


@unit("percent", needs=(POSITIVE_PRICES,))
def volatility_20d_pct(daily: pd.DataFrame) -> float | None:
    """The annualised standard deviation of the last 20 simple returns, in percent.

    Sample standard deviation (ddof 1) times the square root of the calendar's sessions a year:
    252 for exchanges and weekdays, 260 for 24/5, 365 for 24/7. Needs 21 closes. Where a session is
    missing, the return over the gap counts as one of the 20. Empty for ``prices: any``.
    Source: J. C. Hull, Options, Futures, and Other Derivatives, "Estimating volatility from
    historical data", with simple returns in place of logarithmic ones.
    """
    last = daily["close"].pct_change().dropna().tail(20)
    if len(last) < 20:
        return None
    return float(last.std(ddof=1) * math.sqrt(daily["sessions_per_year"].iloc[-1]) * 100)


@unit("percent", needs=(POSITIVE_PRICES,))
def max_drawdown_pct(daily: pd.DataFrame) -> float:
    """The deepest fall of the close from its highest value until then, in percent; 0 or below.

    Empty for ``prices: any``.
    """
    fall = daily["close"] / daily["close"].cummax() - 1
    return float(fall.min() * 100)


@unit("price", needs=("high", "low", "volume"))
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


@unit("volume", needs=("volume",))
def latest_volume(daily: pd.DataFrame) -> Decimal:
    """The volume of the latest session, in the asset's own units."""
    return daily["exact_volume"].iloc[-1]  # type: ignore[no-any-return]


def aggregates(daily_bars: pd.DataFrame, metrics: Sequence[Metric]) -> pd.DataFrame:
    """One row per asset, one column per metric, named after it; sorted by symbol.

    Raises ``StageError`` for a metric that declares no unit, or gives what is not of its unit.
    """
    units = units_of(metrics)
    per_asset = list(daily_bars.groupby("symbol", sort=True))
    columns = {
        metric.__name__: _column(metric, units, [_value(metric, daily) for _, daily in per_asset])
        for metric in metrics
    }
    return pd.DataFrame({"symbol": [symbol for symbol, _ in per_asset], **columns})


def units_of(metrics: Sequence[Metric]) -> dict[str, str]:
    """The unit of each metric by its name. Raises ``StageError`` where one is not declared."""
    units = {metric.__name__: metric.__dict__.get("unit", "") for metric in metrics}
    for name in (name for name, declared in units.items() if not declared):
        raise StageError(
            f"the metric {name} does not declare its unit",
            expected=", ".join(f'@unit("{known}")' for known in UNITS),
            next_step=f"write one of these on a line of its own above 'def {name}'",
        )
    return units


def metrics_table(aggregates: pd.DataFrame, metrics: Sequence[Metric]) -> pa.Table:
    """``aggregates`` as a table, whose columns carry their unit as metadata.

    Raises ``StageError`` for a column that no metric makes, or that its unit cannot hold.
    """
    units = units_of(metrics)
    unknown = [name for name in aggregates.columns if name not in ("symbol", *units)]
    if unknown:
        raise StageError(
            f"aggregates has columns that no metric makes: {listed(unknown)}",
            expected=", ".join(units),
            next_step="make each a function with a @unit, and add it to the list of metrics",
        )
    fields = [
        pa.field(name, UNITS[units[name]], metadata={"unit": units[name]})
        for name in aggregates.columns.drop("symbol")
    ]
    schema = pa.schema([pa.field("symbol", pa.string()), *fields])
    try:
        return pa.Table.from_pandas(aggregates, schema, preserve_index=False)
    except pa.ArrowException as misfit:
        raise StageError(
            f"aggregates has values that are not of their metric's unit: {misfit}",
            next_step="fix the metric, or declare another @unit above it",
        ) from misfit


def csv_text(metrics: pa.Table) -> str:
    """``metrics_table`` as CSV, each column as its unit is written; empty for null; LF line ends.

    Rounded half to even: prices to 6 decimals, those below 1 to 10 significant digits, percentages
    to 6 decimals. Volumes are exact, without trailing zeros. Raises ``StageError`` for a column
    without a unit, as releases before 0.2 wrote them.
    """
    columns = []
    for field, column in zip(metrics.schema, metrics.columns, strict=True):
        declared = (field.metadata or {}).get(b"unit", b"").decode()
        if not declared and field.name != "symbol":
            raise StageError(
                f"the column {field.name} of gold.aggregates does not declare its unit",
                next_step="python run_pipeline.py upgrade",
            )
        write = _WRITTEN.get(declared, str)
        values = ("" if value is None else write(value) for value in column.to_pylist())
        columns.append([field.name, *values])
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(zip(*columns, strict=True))
    return text.getvalue()


def price_text(price: float) -> str:
    """A price with 6 decimals, or below 1 with as many as 10 significant digits take."""
    if price == 0 or abs(price) >= 1:
        return _fixed(price)
    return f"{Decimal(f'{price:.{SIGNIFICANT_DIGITS - 1}e}'):f}"


def is_possible(metric: Metric, declared: frozenset[str]) -> bool:
    """Whether an asset that declares this can have a value of ``metric``."""
    return declared.issuperset(metric.__dict__["needs"])


def _value(metric: Metric, daily: pd.DataFrame) -> Any:
    return metric(daily) if is_possible(metric, daily["declares"].iloc[-1]) else None


def _mean_close(daily: pd.DataFrame, count: int) -> float | None:
    last = daily["close"].tail(count)
    return float(last.mean()) if len(last) == count else None


def _column(metric: Metric, units: dict[str, str], values: list[Any]) -> pd.Series:
    declared = units[metric.__name__]
    values = [None if pd.isna(value) else value for value in values]
    try:
        if declared == "count":
            counts = pd.Series(values, dtype="Int64")
            return counts if counts.hasnans else counts.astype("int64")
        if declared == "volume":
            return pd.Series([_volume(value) for value in values], dtype=object)
        return pd.Series(values, dtype=object if declared == "date" else "float64")
    except (TypeError, ValueError, ArithmeticError) as misfit:
        raise StageError(
            f"the metric {metric.__name__} gives what is not a {declared}: {misfit}",
            next_step="fix the metric, or declare another @unit above it",
        ) from misfit


def _volume(value: Any) -> Decimal | None:
    if value is None:
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        return number
    rounded = number.quantize(Decimal(1).scaleb(-SCALE), context=_ROOMY)
    return Decimal(plain_number(rounded))


def _fixed(value: float) -> str:
    """``DECIMALS`` places, and no minus before a zero."""
    return f"{value:.{DECIMALS}f}".replace(f"-{0:.{DECIMALS}f}", f"{0:.{DECIMALS}f}")


_WRITTEN: dict[str, Callable[[Any], str]] = {
    "price": price_text,
    "percent": _fixed,
    "volume": plain_number,
}
"""How a value of each unit is written in ``aggregates.csv``; of the others as ``str`` does."""
