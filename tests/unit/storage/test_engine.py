from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ibis.expr.types import Table

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.engine import Engine

# Ibis 12 still calls what DuckDB 2.0 has renamed.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:fetch_\w+\(\) is deprecated, use to_\w+\(\):DeprecationWarning"
)

ROWS = pa.table(
    {
        "symbol": ["AAPL", "AAPL", "SPY"],
        "close": pa.array([Decimal("1.10"), Decimal("2.20"), None], pa.decimal128(38, 18)),
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
    rows = pa.table({"price": pa.array([Decimal("0.1")] * 10, pa.decimal128(38, 18))})

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
            "price": pa.array(prices, pa.decimal128(38, 18)),
        }
    )

    def sums(threads: int) -> pa.Table:
        loaded = Engine(threads).load(rows)
        return loaded.group_by("key").agg(total=loaded.price.sum()).order_by("key").to_pyarrow()

    assert sums(1).equals(sums(4))


def test_files_are_read_as_one_table_with_the_columns_of_the_schema(tmp_path: Path) -> None:
    for name, piece in (("it's.parquet", ROWS.slice(0, 1)), ("b.parquet", ROWS.slice(1))):
        pq.write_table(piece, tmp_path / name)
    schema = pa.schema([ROWS.schema.field("close")])

    found = Engine().scan([str(path) for path in tmp_path.iterdir()], schema)

    assert found.columns == ("close",)
    assert sorted(map(str, found.close.to_pyarrow().to_pylist())) == [
        "1.100000000000000000",
        "2.200000000000000000",
        "None",
    ]


def test_no_files_are_a_table_without_rows() -> None:
    assert Engine().scan([], ROWS.schema).to_pyarrow().to_pylist() == []


def test_text_of_a_dimension_is_still_compared_and_sorted_as_text() -> None:
    engine = Engine()
    rows = pa.table({"symbol": ["b", "a", None, "b", "10", "9"], "line": [1, 2, 3, 4, 5, 6]})

    kept = engine.materialise(engine.dimension(rows))

    assert kept.order_by("symbol", "line").to_pyarrow().to_pylist() == [
        {"symbol": "10", "line": 5},
        {"symbol": "9", "line": 6},
        {"symbol": "a", "line": 2},
        {"symbol": "b", "line": 1},
        {"symbol": "b", "line": 4},
        {"symbol": None, "line": 3},
    ]
    assert kept.filter(kept.symbol == "not there").to_pyarrow().to_pylist() == []
    assert (
        kept.join(engine.load(pa.table({"symbol": ["b"]})), "symbol").count().to_pyarrow().as_py()
        == 2
    )
    assert kept.to_pyarrow().schema.field("symbol").type == pa.string()


def test_pieces_come_in_order_and_with_plain_text() -> None:
    engine = Engine()
    count = (1 << 17) + 5
    rows = pa.table({"line": pa.array(range(count, 0, -1)), "symbol": ["AAPL"] * count})
    kept = engine.materialise(engine.dimension(rows))

    pieces = list(engine.batches(kept.order_by("line")))

    assert len(pieces) > 1
    assert [line for piece in pieces for line in piece["line"].to_pylist()] == list(
        range(1, count + 1)
    )
    assert {str(piece.schema.field("symbol").type) for piece in pieces} == {"string"}


def test_tables_beyond_the_memory_limit_go_to_the_spill_folder_and_leave_nothing(
    tmp_path: Path,
) -> None:
    engine = Engine(1, tmp_path / "spill", "64MiB")
    small = engine.load(pa.table({"number": pa.array(range(4_000))}))

    made = engine.materialise(small.cross_join(small.view()))
    spilled = [path for path in (tmp_path / "spill").rglob("*") if path.is_file()]
    total = made.count().to_pyarrow().as_py()
    engine.connection.disconnect()

    assert spilled != []
    assert total == 16_000_000
    assert list((tmp_path / "spill").iterdir()) == []


def test_what_a_killed_process_spilled_is_removed_and_what_a_live_one_did_is_not(
    tmp_path: Path,
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for pid in (ended.pid, os.getpid()):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "block.tmp").touch()

    Engine(1, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [str(os.getpid())]


def test_too_little_room_to_spill_is_an_error_that_says_so(tmp_path: Path) -> None:
    engine = Engine(1, tmp_path, "64MiB")
    engine.connection.raw_sql("SET max_temp_directory_size = '1MiB'")
    small = engine.load(pa.table({"number": pa.array(range(4_000))}))

    with pytest.raises(StorageError, match="could not process the rows"):
        engine.materialise(small.cross_join(small.view()))


@pytest.fixture
def numbered() -> tuple[Engine, Table]:
    engine = Engine(1)
    rows = pa.table({"number": pa.array(range(1_000)), "symbol": ["AAPL", "SPY"] * 500})
    return engine, engine.numbered(engine.dimension(rows))


def test_notes_are_those_of_the_table_that_they_come_from(numbered: tuple[Engine, Table]) -> None:
    engine, rows = numbered
    rule = (rows.number % 7 == 3).ifelse("seven", ibis.null("string"))
    derived = rows.mutate(rule=rule, outcome=rule.isnull().ifelse("promoted", "quarantined"))

    noted = engine.noted(rows, derived, rule=None, outcome="promoted")

    assert noted.columns == (*rows.columns, "rule", "outcome")
    ordered = [table.order_by("number").to_pyarrow().to_pylist() for table in (noted, derived)]
    assert ordered[0] == ordered[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.filter(rows.number != 5),
        lambda rows: rows.union(rows.filter(rows.number == 5)),
        lambda rows: rows.filter(rows.number != 5).union(rows.filter(rows.number == 6)),
    ],
    ids=["one is missing", "one is there twice", "one is another"],
)
def test_notes_of_other_rows_bring_these_with_them(
    numbered: tuple[Engine, Table], change: Callable[[Table], Table]
) -> None:
    engine, rows = numbered
    derived = change(rows).mutate(rule=ibis.null("string"))

    noted = engine.noted(rows, derived, rule=None)

    numbers = sorted(derived.number.to_pyarrow().to_pylist())
    assert sorted(noted.number.to_pyarrow().to_pylist()) == numbers


def test_no_rows_have_no_notes() -> None:
    engine = Engine(1)
    rows = engine.numbered(engine.load(pa.table({"number": pa.array([], pa.int64())})))

    noted = engine.noted(rows, rows.mutate(rule=ibis.null("string")), rule=None)

    assert noted.to_pyarrow().num_rows == 0


def test_the_same_files_are_the_same_table(tmp_path: Path) -> None:
    rows = pa.table({"number": [1, 2]})
    pq.write_table(rows, tmp_path / "a.parquet")
    engine, files = Engine(1), [str(tmp_path / "a.parquet")]

    assert engine.scan(files, rows.schema).equals(engine.scan(files, rows.schema))
