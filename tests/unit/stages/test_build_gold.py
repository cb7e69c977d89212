"""The checks and ledgers of Gold, from literal tables: no run is needed."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pandas as pd
import pytest
from ibis.expr.types import Table

from sentinel_lib.records.stage import Check
from sentinel_lib.stages import build_gold

TWO_BARS = [{"symbol": "AAPL", "is_within_hours": True}] * 2


def bars_of(*rows: dict[str, Any]) -> Table:
    return ibis.memtable(pd.DataFrame(rows))


def session_of(symbol: str, bar_count: int, *, is_too_large: bool = False) -> dict[str, Any]:
    session = date(2024, 1, 2)
    return {
        "symbol": symbol,
        "session": session,
        "bar_count": bar_count,
        "is_too_large": is_too_large,
    }


@pytest.mark.parametrize(("bar_count", "passed"), [(2, True), (1, False), (3, False)])
def test_asset_is_complete_if_its_sessions_are_made_of_all_its_bars(
    bar_count: int, passed: bool
) -> None:
    daily = bars_of(session_of("AAPL", bar_count))

    [check] = build_gold.completeness(build_gold.bars_by_hours(bars_of(*TWO_BARS)), daily)

    assert (check.symbol, check.passed, check.blocks) == ("AAPL", passed, True)
    assert (check.observed, check.expected) == (f"sessions made of {bar_count} bars", "2 bars")


def test_asset_whose_bars_are_all_outside_hours_is_not_complete() -> None:
    bars = bars_of({"symbol": "AAPL", "is_within_hours": False})
    daily = bars_of(session_of("MSFT", 1))

    [check] = build_gold.completeness(build_gold.bars_by_hours(bars), daily)

    assert (check.passed, check.expected) == (False, "one of 1 bars within hours")


def test_session_whose_volume_fits_no_table_is_a_failed_check_that_names_it() -> None:
    daily = bars_of(session_of("AAPL", 2, is_too_large=True))

    too_large, complete = build_gold.completeness(
        build_gold.bars_by_hours(bars_of(*TWO_BARS)), daily
    )

    assert (too_large.passed, complete.passed) == (False, True)
    assert too_large.observed == "more than 20 digits before the point on 2024-01-02"


def test_asset_of_a_failed_check_is_held_back_whole_and_the_other_promoted_whole() -> None:
    outside = {"symbol": "MSFT", "is_within_hours": False}
    within = {"symbol": "MSFT", "is_within_hours": True}
    failed = Check(name="complete", passed=False, table="gold.daily", symbol="AAPL")

    ledgers = build_gold.gold_ledgers(
        build_gold.bars_by_hours(bars_of(*TWO_BARS, within, outside)), [failed], ["OLD"]
    )

    aapl, msft = ledgers["AAPL"], ledgers["MSFT"]
    assert (aapl.status, aapl.rows_in, aapl.promoted, aapl.quarantined) == ("blocked", 2, 0, 2)
    assert (msft.status, msft.rows_in, msft.promoted, msft.outside_hours) == ("passed", 1, 1, 1)


def test_extremes_name_the_assets_and_leave_out_metrics_that_one_lacks() -> None:
    aggregates = pd.DataFrame(
        {"symbol": ["A", "B"], "latest_close": [2.0, 1.0], "vwap_20d": [None, 3.0]}
    )

    [extreme] = build_gold.extremes(aggregates).to_dict("records")

    assert extreme == {
        "metric": "latest_close",
        "lowest_symbol": "B",
        "lowest": 1.0,
        "highest_symbol": "A",
        "highest": 2.0,
    }


def test_no_asset_has_no_extremes() -> None:
    aggregates = pd.DataFrame({"symbol": [], "latest_close": []})

    assert build_gold.extremes(aggregates).empty
