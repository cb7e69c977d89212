from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.delta_log import Commit
from sentinel_lib.storage.publisher import Publisher
from sentinel_lib.storage.tables import Lake

MONDAY = Commit("run-001", datetime(2024, 1, 8, tzinfo=UTC))
TUESDAY = Commit("run-002", datetime(2024, 1, 9, tzinfo=UTC))


def sessions(*closes: tuple[str, str]) -> pa.Table:
    day = {"session": date(2024, 1, 8), "bar_count": 1}
    rows = [{"symbol": symbol, "close": Decimal(close), **day} for symbol, close in closes]
    return pa.Table.from_pylist(rows, schema=schema_of("gold.daily"))


def aggregates(close: float) -> pa.Table:
    price = pa.field("latest_close", pa.float64(), metadata={"unit": "price"})
    schema = pa.schema([("symbol", pa.string()), price])
    return pa.Table.from_pylist([{"symbol": "AAPL", "latest_close": close}], schema=schema)


def closes(lake: Lake) -> dict[str, str]:
    rows = lake.read("gold.daily").to_pylist()
    return {row["symbol"]: str(row["close"].normalize()) for row in rows}


def test_a_session_that_changed_replaces_the_one_of_its_key(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    Publisher(lake, MONDAY).sessions(sessions(("AAPL", "1"), ("SPY", "5")), is_whole=True)

    Publisher(lake, TUESDAY).sessions(sessions(("AAPL", "2")), is_whole=False)

    assert closes(lake) == {"AAPL": "2", "SPY": "5"}


def test_without_a_changed_session_nothing_is_committed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    Publisher(lake, MONDAY).sessions(sessions(("AAPL", "1")), is_whole=False)

    Publisher(lake, TUESDAY).sessions(sessions(), is_whole=False)

    assert [commit.run_id for commit in lake.commits("gold.daily")] == ["run-001"]


def test_metrics_are_published_as_a_table_and_as_csv(tmp_path: Path) -> None:
    path = Publisher(Lake(tmp_path), MONDAY).aggregates(aggregates(1.5))

    assert path == tmp_path / "gold" / "aggregates.csv"
    assert path.read_text() == "symbol,latest_close\nAAPL,1.500000\n"
    assert len(Lake(tmp_path).read("gold.aggregates")) == 1


def test_restored_metrics_are_in_the_csv_too_and_committed_even_if_equal(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    Publisher(lake, MONDAY).aggregates(aggregates(1.5))
    (tmp_path / "gold" / "aggregates.csv").unlink()

    Publisher(lake, TUESDAY).restore("gold.aggregates", lake.read("gold.aggregates"))

    assert (tmp_path / "gold" / "aggregates.csv").read_text().endswith("AAPL,1.500000\n")
    assert [commit.run_id for commit in lake.commits("gold.aggregates")] == ["run-001", "run-002"]
