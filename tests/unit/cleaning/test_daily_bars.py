from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis.expr.types import Table

from sentinel_lib.cleaning.bar_times import session_of
from sentinel_lib.cleaning.daily_bars import daily_bars
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.engine import Engine

# Ibis 12 still calls what DuckDB 2.0 has renamed.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:fetch_\w+\(\) is deprecated, use to_\w+\(\):DeprecationWarning"
)

SILVER = schema_of("silver.bars")
LARGEST = "99999999999999999999.999999999999999999"
COLUMNS = ["symbol", "session", "open", "high", "low", "close", "volume", "bar_count"]


def bar(timestamp: str, prices: str, volume: str | None = "10", **given: Any) -> dict[str, Any]:
    """A bar of AAPL; ``prices`` are open, high, low and close."""
    names = ("open", "high", "low", "close")
    values = dict(zip(names, map(Decimal, prices.split()), strict=True))
    return {
        "symbol": "AAPL",
        "interval": "1h",
        "timestamp": datetime.fromisoformat(timestamp).replace(tzinfo=UTC),
        **values,
        "volume": volume and Decimal(volume),
        **given,
    }


def placed(engine: Engine, silver: pa.Table, zone_of: dict[str, str]) -> Table:
    """The bars with their sessions; those of 23:00 UTC are outside hours."""
    zones = {"symbol": list(zone_of), "calendar_timezone": list(zone_of.values())}
    bars = engine.load(silver).join(engine.load(pa.table(zones)), "symbol")
    bars = bars.mutate(session_shift_seconds=0)
    return bars.mutate(session=session_of(bars), is_within_hours=bars.timestamp.hour() != 23)


def daily(*bars: dict[str, Any], threads: int = 1, **zones: str) -> list[list[Any]]:
    """The sessions, as rows of plain values in the order of ``COLUMNS``."""
    zone_of = {"AAPL": "America/New_York", **zones}
    engine = Engine(threads)
    silver = pa.Table.from_pylist(list(bars), schema=SILVER)

    found = daily_bars(placed(engine, silver, zone_of)).to_pyarrow()

    return [[row[name] for name in COLUMNS] for row in found.to_pylist()]


def test_hours_of_a_session_become_one_row() -> None:
    found = daily(
        bar("2026-11-23T14:30", "10 12 9 11", "1.5"),
        bar("2026-11-23T15:30", "11 15 10 14", "2.25"),
        bar("2026-11-23T16:30", "14 14 8 13", "3"),
    )

    day = date(2026, 11, 23)
    numbers = [Decimal(text) for text in ("10", "15", "8", "13", "6.75")]
    assert found == [["AAPL", day, *numbers, 3]]


def test_first_and_last_are_by_time_whatever_order_the_bars_are_in() -> None:
    morning, noon = bar("2026-11-23T14:30", "10 12 9 11"), bar("2026-11-23T17:30", "20 22 19 21")

    assert daily(noon, morning) == daily(morning, noon)
    assert daily(noon, morning)[0][2:6] == [10, 22, 9, 21]


def test_daily_bar_is_its_own_session_in_any_time_zone() -> None:
    found = daily(bar("2026-11-23T00:00", "10 12 9 11", interval="1d"))

    assert [row[1] for row in found] == [date(2026, 11, 23)]
    assert found[0][7] == 1


def test_intraday_bar_belongs_to_the_date_on_the_exchange_clock() -> None:
    found = daily(
        bar("2026-11-24T03:00", "10 12 9 11"),
        bar("2026-11-24T03:00", "10 12 9 11", symbol="BTC-USD"),
        **{"BTC-USD": "UTC"},
    )

    assert [row[:2] for row in found] == [
        ["AAPL", date(2026, 11, 23)],
        ["BTC-USD", date(2026, 11, 24)],
    ]


def test_sessions_are_in_order_of_symbol_and_date() -> None:
    found = daily(
        bar("2026-11-24T15:00", "1 1 1 1", symbol="SPY"),
        bar("2026-11-23T15:00", "1 1 1 1", symbol="SPY"),
        bar("2026-11-24T15:00", "1 1 1 1"),
        SPY="America/New_York",
    )

    assert [row[:2] for row in found] == [
        ["AAPL", date(2026, 11, 24)],
        ["SPY", date(2026, 11, 23)],
        ["SPY", date(2026, 11, 24)],
    ]


def test_fields_that_a_price_only_asset_lacks_stay_empty() -> None:
    nothing = dict.fromkeys(("open", "high", "low", "volume"))

    found = daily(
        bar("2026-11-23T15:00", "1 1 1 5", **nothing), bar("2026-11-23T16:00", "1 1 1 7", **nothing)
    )

    assert found == [["AAPL", date(2026, 11, 23), None, None, None, Decimal("7"), None, 2]]


def test_bars_outside_hours_enter_no_session() -> None:
    found = daily(
        bar("2026-11-23T15:00", "10 12 9 11"), bar("2026-11-23T23:00", "1 99 1 50", volume="7")
    )

    assert found[0][2:] == [*map(Decimal, ("10", "12", "9", "11", "10")), 1]


def test_volume_of_zero_is_not_a_missing_one() -> None:
    assert daily(bar("2026-11-23T15:00", "1 1 1 1", "0"))[0][6] == 0


def test_smallest_and_largest_values_are_summed_exactly() -> None:
    found = daily(
        bar("2026-11-23T15:00", f"1 {LARGEST} 0.000000000000000001 1", "9" * 20),
        bar("2026-11-23T16:00", "1 1 1 1", "0." + "9" * 18),
    )

    assert found[0][3:5] == [Decimal(LARGEST), Decimal("0.000000000000000001")]
    assert found[0][6] == Decimal(LARGEST)


def test_volume_too_large_for_its_column_is_absent_and_said_for_its_session_alone() -> None:
    engine = Engine(1)
    bars = [
        bar("2026-11-23T15:00", "1 1 1 1", "99999999999999999999.5"),
        bar("2026-11-23T16:00", "1 1 1 1", "0.5"),
        bar("2026-11-24T15:00", "1 1 1 1", "7"),
        bar("2026-11-25T15:00", "1 1 1 1", None),
    ]
    silver = pa.Table.from_pylist(bars, schema=SILVER)

    found = daily_bars(placed(engine, silver, {"AAPL": "UTC"})).to_pyarrow()

    assert found["volume"].to_pylist() == [None, Decimal(7), None]
    assert found["is_too_large"].to_pylist() == [True, False, False]


def test_result_has_the_types_that_gold_stores() -> None:
    engine = Engine(1)
    silver = pa.Table.from_pylist([bar("2026-11-23T15:00", "1 1 1 1")], schema=SILVER)

    found = daily_bars(placed(engine, silver, {"AAPL": "UTC"})).to_pyarrow()

    assert found.select(COLUMNS).schema.types == schema_of("gold.daily").types


def test_no_bars_make_no_sessions() -> None:
    assert daily() == []


WITHIN = st.integers(0, 24 * 3 - 1).filter(lambda hour: hour % 24 != 23)
HOURS = st.lists(WITHIN, min_size=1, max_size=12, unique=True)


@settings(deadline=None, max_examples=25)
@given(hours=HOURS, data=st.data())
def test_every_bar_is_in_one_session_in_any_order_and_number_of_threads(
    hours: list[int], data: st.DataObject
) -> None:
    bars = [
        bar(f"2026-11-{23 + hour // 24}T{hour % 24:02}:00", f"{hour + 2} {hour + 3} 1 2", str(hour))
        for hour in hours
    ]
    shuffled = data.draw(st.permutations(bars))

    found = daily(*bars)

    assert daily(*shuffled, threads=3) == found
    assert sum(row[7] for row in found) == len(bars)
    assert sum(row[6] for row in found) == sum(hours)
