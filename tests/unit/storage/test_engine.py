from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from sentinel_lib.storage.engine import Engine

# Ibis 12 still calls what DuckDB 2.0 has renamed.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:fetch_\w+\(\) is deprecated, use to_\w+\(\):DeprecationWarning"
)

ROWS = pa.table(
    {
        "symbol": ["AAPL", "AAPL", "SPY"],
        "close": pa.array([Decimal("1.10"), Decimal("2.20"), None], pa.decimal128(20, 8)),
    }
)


def test_loaded_rows_come_back_as_they_were() -> None:
    engine = Engine()

    found = engine.load(ROWS).to_pyarrow()

    assert found.cast(ROWS.schema).equals(ROWS)


def test_each_load_is_a_table_of_its_own() -> None:
    engine = Engine()

    first, second = engine.load(ROWS), engine.load(ROWS.slice(0, 1))

    assert (len(first.to_pyarrow()), len(second.to_pyarrow())) == (3, 1)


def test_materialised_table_no_longer_depends_on_what_it_came_from() -> None:
    engine = Engine()
    loaded = engine.load(ROWS)

    made = engine.materialise(loaded.filter(loaded.symbol == "AAPL"))
    engine.connection.con.unregister(loaded.get_name())

    assert made.to_pyarrow()["close"].to_pylist() == [Decimal("1.10"), Decimal("2.20")]


def test_two_engines_do_not_share_tables() -> None:
    one, other = Engine(), Engine()
    one.load(ROWS)

    names = [engine.connection.raw_sql("SHOW TABLES").fetchall() for engine in (one, other)]

    assert names == [[("loaded_1",)], []]


def test_sums_of_decimals_are_exact() -> None:
    rows = pa.table({"price": pa.array([Decimal("0.1")] * 10, pa.decimal128(20, 8))})

    total = Engine().load(rows).price.sum().to_pyarrow().as_py()

    assert total == Decimal("1")


def test_instants_are_told_in_utc_whatever_zone_the_machine_is_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    moment = datetime(2026, 11, 24, 3, tzinfo=UTC)
    rows = pa.table({"timestamp": pa.array([moment], pa.timestamp("us", "UTC"))})

    found = Engine().load(rows).select("timestamp").to_pyarrow()

    assert found.schema.field("timestamp").type == pa.timestamp("us", "UTC")
    assert found["timestamp"].cast(pa.string()).to_pylist() == ["2026-11-24 03:00:00.000000Z"]


@pytest.mark.parametrize("threads", [1, 3])
def test_engine_uses_the_threads_it_is_given(threads: int) -> None:
    connection = Engine(threads).connection

    found = connection.raw_sql("SELECT current_setting('threads')").fetchone()

    assert found == (threads,)


def test_number_of_threads_does_not_change_what_comes_out() -> None:
    prices = [Decimal(number * 7_919 % 10_007) / 100 for number in range(5_000)]
    rows = pa.table(
        {
            "key": pa.array([number % 13 for number in range(5_000)]),
            "price": pa.array(prices, pa.decimal128(20, 8)),
        }
    )

    def sums(threads: int) -> pa.Table:
        loaded = Engine(threads).load(rows)
        return loaded.group_by("key").agg(total=loaded.price.sum()).order_by("key").to_pyarrow()

    assert sums(1).equals(sums(4))
