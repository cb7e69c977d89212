from __future__ import annotations

import csv
import io
import math
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from sentinel_lib import gold_metrics
from sentinel_lib.errors import StageError
from sentinel_lib.gold_metrics import (
    POSITIVE_PRICES,
    UNITS,
    aggregates,
    avg_7d_close,
    avg_30d_close,
    change_1d_pct,
    csv_text,
    first_date,
    latest_close,
    latest_date,
    latest_volume,
    max_drawdown_pct,
    metrics_table,
    sessions,
    unit,
    volatility_20d_pct,
    vwap_20d,
)
from sentinel_lib.records.bar import DECLARED_COLUMNS

FIRST = date(2026, 1, 1)
NAN = float("nan")
EVERYTHING = frozenset((*DECLARED_COLUMNS["ohlcv"], POSITIVE_PRICES))


def daily(closes: list[float], symbol: str = "BTC-USD", **columns: Any) -> pd.DataFrame:
    """Sessions on consecutive days that open, close and stay at one price, 10 units each."""
    days = [FIRST + timedelta(days=offset) for offset in range(len(closes))]
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    content = {"session": days, **prices, "volume": 10.0, "exact_volume": Decimal(10)}
    terms = {"missing_before": 0, "sessions_per_year": 365, "declares": [EVERYTHING] * len(closes)}
    return pd.DataFrame({"symbol": symbol, **content, **terms, **columns})


def price_only(closes: list[float]) -> pd.DataFrame:
    return daily(closes, open=NAN, high=NAN, low=NAN, volume=NAN, exact_volume=pd.NA)


def csv_of(frame: pd.DataFrame, metrics: list[Any]) -> str:
    """What ``aggregates.csv`` says of ``metrics`` over the sessions of ``frame``."""
    return csv_text(metrics_table(aggregates(frame, metrics), metrics))


def cell_of(value: Any, declared: str) -> str:
    """How a value of this unit is written."""

    @unit(declared)
    def metric(daily: pd.DataFrame) -> Any:
        return value

    return csv_of(daily([1.0]), [metric]).removeprefix("symbol,metric\nBTC-USD,").removesuffix("\n")


def test_sessions_are_counted_and_dated() -> None:
    frame = daily([1.0, 2.0, 3.0])

    assert sessions(frame) == 3
    assert first_date(frame) == date(2026, 1, 1)
    assert latest_date(frame) == date(2026, 1, 3)


def test_latest_close_and_volume_are_those_of_the_last_session() -> None:
    volumes = [Decimal(text) for text in ("5", "6", "12345678901234567890.123456789012345678")]
    frame = daily([1.0, 2.0, 3.5], exact_volume=volumes)

    assert latest_close(frame) == 3.5
    assert latest_volume(frame) == volumes[-1]


def test_change_is_the_simple_return_in_percent() -> None:
    assert change_1d_pct(daily([50.0, 100.0, 75.0])) == -25.0


def test_change_is_empty_for_a_single_session() -> None:
    assert change_1d_pct(daily([100.0])) is None


def test_change_is_empty_where_the_session_before_is_missing() -> None:
    assert change_1d_pct(daily([50.0, 100.0, 75.0], missing_before=[0, 0, 1])) is None
    assert change_1d_pct(daily([50.0, 100.0, 75.0], missing_before=[0, 3, 0])) == -25.0


def test_average_of_seven_days_is_that_of_the_last_seven() -> None:
    assert avg_7d_close(daily([1_000.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])) == 4.0


def test_average_of_thirty_days_is_that_of_the_last_thirty() -> None:
    closes = [1_000.0, *(float(number) for number in range(1, 31))]

    assert avg_30d_close(daily(closes)) == 15.5


@pytest.mark.parametrize(
    ("metric", "needed"),
    [
        (change_1d_pct, 2),
        (avg_7d_close, 7),
        (vwap_20d, 20),
        (volatility_20d_pct, 21),
        (avg_30d_close, 30),
    ],
)
def test_metric_is_empty_with_one_session_too_few(metric: Any, needed: int) -> None:
    enough = daily([100.0] * needed)

    assert metric(enough) is not None
    assert metric(enough.iloc[1:]) is None


@pytest.mark.parametrize("per_year", [252, 365])
def test_volatility_is_annualised_by_the_sessions_of_a_year(per_year: int) -> None:
    closes = [100.0]
    for step in range(20):
        closes.append(closes[-1] * (1.01 if step % 2 else 0.99))

    found = volatility_20d_pct(daily(closes, sessions_per_year=per_year))

    # Ten returns of +1 % and ten of -1 %: the sum of squares is 20 * 0.01**2, over 19.
    assert found == pytest.approx(math.sqrt(20 / 19) * math.sqrt(per_year), rel=1e-12)


def test_volatility_is_what_pandas_alone_computes() -> None:
    closes = [100 + 7 * math.sin(number) for number in range(40)]

    found = volatility_20d_pct(daily(closes))

    expected = pd.Series(closes).pct_change().iloc[-20:].std() * math.sqrt(365) * 100
    assert found == pytest.approx(expected, rel=1e-12)


def test_volatility_does_not_see_what_lies_before_its_twenty_returns() -> None:
    calm = [100.0] * 21

    assert volatility_20d_pct(daily([1.0, 900.0, *calm])) == 0.0


def test_drawdown_is_the_deepest_fall_from_a_peak_not_from_the_highest() -> None:
    assert max_drawdown_pct(daily([100.0, 50.0, 200.0, 150.0, 300.0])) == -50.0


def test_drawdown_of_a_series_that_only_rises_is_zero() -> None:
    assert max_drawdown_pct(daily([1.0, 2.0, 3.0])) == 0.0


def test_vwap_weighs_the_typical_price_by_volume() -> None:
    quiet, busy = daily([10.0] * 19), daily([0.0], high=[30.0], low=[18.0], close=[24.0])
    frame = pd.concat([quiet.assign(volume=1.0), busy.assign(volume=81.0)])

    # (19 * 10 + 81 * (30 + 18 + 24) / 3) / 100
    assert vwap_20d(frame) == pytest.approx(21.34, rel=1e-12)


def test_vwap_is_empty_where_nothing_traded() -> None:
    assert vwap_20d(daily([10.0] * 20, volume=0.0)) is None


def test_vwap_of_a_session_without_volume_is_not_guessed() -> None:
    assert vwap_20d(daily([10.0] * 20, volume=[NAN, *[1.0] * 19])) is None


def test_price_only_asset_has_no_vwap_and_no_volume_and_all_the_rest() -> None:
    chosen = [
        latest_close,
        avg_30d_close,
        volatility_20d_pct,
        max_drawdown_pct,
        vwap_20d,
        latest_volume,
    ]

    text = csv_of(price_only([100.0] * 30), chosen)

    assert text.splitlines()[1] == "BTC-USD,100.000000,100.000000,0.000000,0.000000,,"


def test_metrics_are_empty_for_an_asset_that_does_not_declare_what_they_need() -> None:
    index = frozenset(DECLARED_COLUMNS["ohlc"])
    bars = pd.concat([daily([5.0] * 20, "FUND"), daily([5.0] * 20, "INDEX", declares=[index] * 20)])

    lines = csv_of(bars, [vwap_20d, latest_volume, avg_7d_close]).splitlines()

    assert lines[1:] == ["FUND,5.000000,10,5.000000", "INDEX,,,5.000000"]


def test_metrics_that_divide_by_a_price_are_empty_where_prices_may_be_zero_or_negative() -> None:
    terms = [EVERYTHING - {POSITIVE_PRICES}] * 30
    bars = daily([18.27, -37.63, 10.01] * 10, declares=terms)
    chosen = [change_1d_pct, volatility_20d_pct, max_drawdown_pct, latest_close, avg_30d_close]

    found = csv_of(bars, chosen).splitlines()[1]

    assert found == "BTC-USD,,,,10.010000,-3.116667"


def test_aggregates_have_a_row_per_asset_in_order_of_symbol() -> None:
    bars = pd.concat([daily([3.0], "SPY"), daily([1.0], "AAPL"), daily([2.0, 4.0], "BTC-USD")])

    found = aggregates(bars, [sessions, latest_close])

    assert list(found.columns) == ["symbol", "sessions", "latest_close"]
    assert found.to_numpy().tolist() == [["AAPL", 1, 1.0], ["BTC-USD", 2, 4.0], ["SPY", 1, 3.0]]


def test_aggregates_do_not_depend_on_which_assets_stand_first() -> None:
    spy, btc = daily([3.0, 4.0], "SPY"), daily([2.0, 1.0], "BTC-USD")
    chosen = [sessions, latest_close, change_1d_pct, max_drawdown_pct]

    found = csv_of(pd.concat([spy, btc]), chosen)

    assert found == csv_of(pd.concat([btc, spy]), chosen)


def test_aggregates_take_any_function_with_a_unit_as_a_metric() -> None:
    @unit("percent")
    def range_pct(daily: pd.DataFrame) -> float:
        return float((daily["close"].max() / daily["close"].min() - 1) * 100)

    found = csv_of(daily([50.0, 100.0]), [range_pct])

    assert found == "symbol,range_pct\nBTC-USD,100.000000\n"


def test_metric_without_a_unit_is_an_error_that_says_what_to_write() -> None:
    def range_pct(daily: pd.DataFrame) -> float:
        return 1.0

    with pytest.raises(StageError, match="the metric range_pct does not declare its unit") as error:
        aggregates(daily([50.0]), [sessions, range_pct])

    assert '@unit("percent")' in str(error.value.expected)
    assert "above 'def range_pct'" in str(error.value.next_step)


def test_unit_that_is_not_known_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(StageError, match=r"'procent' is not a unit.*did you mean 'percent'"):
        unit("procent")


@pytest.mark.parametrize(
    ("declared", "value"), [("count", 1.5), ("count", "x"), ("price", "x"), ("volume", "many")]
)
def test_value_that_is_not_of_its_unit_is_an_error_that_names_the_metric(
    declared: str, value: Any
) -> None:
    with pytest.raises(StageError, match=f"the metric metric gives what is not a {declared}"):
        cell_of(value, declared)


def test_values_that_their_table_cannot_hold_are_an_error() -> None:
    with pytest.raises(StageError, match="values that are not of their metric"):
        cell_of(Decimal(10) ** 20, "volume")


def test_column_that_no_metric_made_is_an_error() -> None:
    table = aggregates(daily([1.0]), [sessions]).assign(more=1)

    with pytest.raises(StageError, match="columns that no metric makes: more"):
        metrics_table(table, [sessions])


def test_table_whose_columns_lost_their_units_is_not_written() -> None:
    table = metrics_table(aggregates(daily([1.0]), [latest_close]), [latest_close])
    bare = pa.table(dict(zip(table.column_names, table.columns, strict=True)))

    with pytest.raises(StageError, match=r"latest_close of .* does not declare its unit"):
        csv_text(bare)


def test_whole_numbers_stay_whole_where_an_asset_has_none() -> None:
    @unit("count")
    def up_days(daily: pd.DataFrame) -> int | None:
        return int((daily["close"].diff() > 0).sum()) if len(daily) > 1 else None

    bars = pd.concat([daily([1.0], "AAPL"), daily([1.0, 2.0, 3.0], "SPY")])

    assert csv_of(bars, [up_days]) == "symbol,up_days\nAAPL,\nSPY,2\n"


def test_type_of_a_column_is_that_of_its_unit_whatever_values_there_are() -> None:
    metrics = [sessions, latest_date, avg_7d_close, change_1d_pct, latest_volume]
    kinds = ["string", "int64", "date32[day]", "double", "double", "decimal128(38, 18)"]

    for frame in (daily([1.0] * 9), price_only([1.0]), daily([])):
        table = metrics_table(aggregates(frame, metrics), metrics)

        assert [str(kind) for kind in table.schema.types] == kinds


def test_aggregates_of_no_bars_have_their_columns_and_no_row() -> None:
    found = csv_of(daily([]), [sessions, latest_close])

    assert found == "symbol,sessions,latest_close\n"


@pytest.mark.parametrize(
    ("declared", "value", "text"),
    [
        ("price", 1.0, "1.000000"),
        ("price", 1.0078125, "1.007812"),  # exactly half, to the even 2
        ("price", 1.0234375, "1.023438"),  # exactly half, to the even 8
        ("price", 123_456_789_012.25, "123456789012.250000"),
        ("price", 0.5, "0.5000000000"),
        ("price", 0.00000830856, "0.000008308560000"),
        ("price", -0.00000830856, "-0.000008308560000"),
        ("price", 1.2345678905e-12, "0.000000000001234567890"),  # below half
        ("price", 0.99999999999, "1.000000000"),
        ("price", 1e-18, "0.000000000000000001000000000"),
        ("price", 0.0, "0.000000"),
        ("price", -0.0, "0.000000"),
        ("percent", 0.0078125, "0.007812"),
        ("percent", 0.0120367, "0.012037"),
        ("percent", -1e-9, "0.000000"),
        ("percent", -10.0, "-10.000000"),
        ("volume", Decimal("123456789012419.123456780000000000"), "123456789012419.12345678"),
        ("volume", Decimal("1E+3"), "1000"),
        ("volume", Decimal("1E-18"), "0.000000000000000001"),
        ("volume", Decimal(0), "0"),
        ("volume", 2.5, "2.5"),
        ("volume", 100, "100"),
        ("count", 12, "12"),
        ("count", 3.0, "3"),
        ("date", date(2026, 1, 2), "2026-01-02"),
        *((declared, None, "") for declared in UNITS),
        *((declared, pd.NA, "") for declared in UNITS),
        ("price", NAN, ""),
        ("volume", NAN, ""),
        ("date", pd.NaT, ""),
    ],
)
def test_value_is_written_in_the_way_of_its_unit(declared: str, value: Any, text: str) -> None:
    assert cell_of(value, declared) == text


@pytest.mark.parametrize("symbol", ["A,B", 'A"B', "A\nB", "=1+1", "+A", "-A", "@A", "^GSPC"])
def test_symbol_comes_back_from_the_file_as_it_is(symbol: str) -> None:
    # A symbol is an identity: escaping what a spreadsheet takes for a formula would change it.
    text = csv_of(daily([1.0], symbol), [sessions])

    assert list(csv.reader(io.StringIO(text))) == [["symbol", "sessions"], [symbol, "1"]]


def test_every_metric_says_in_its_docstring_what_it_is() -> None:
    metrics = [sessions, first_date, latest_date, latest_close, change_1d_pct, avg_7d_close]
    metrics += [avg_30d_close, volatility_20d_pct, max_drawdown_pct, vwap_20d, latest_volume]

    undocumented = [metric.__name__ for metric in metrics if not metric.__doc__]

    assert undocumented == []
    assert all(getattr(gold_metrics, metric.__name__) is metric for metric in metrics)
