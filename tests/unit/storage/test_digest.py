from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel_lib.storage.digest import content_digest, ordered_digest
from sentinel_lib.storage.tables import Commit, Lake

SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("close", pa.decimal128(38, 18)),
        ("source", pa.string()),
    ]
)
KEY = ["symbol", "timestamp"]


def bar(
    symbol: str, day: int, close: str | None, source: str | None = "files"
) -> tuple[object, ...]:
    return symbol, datetime(2026, 11, day, tzinfo=UTC), close and Decimal(close), source


def table(*rows: tuple[object, ...], schema: pa.Schema = SCHEMA) -> pa.Table:
    return pa.Table.from_pylist(
        [dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema
    )


BARS = table(bar("AAPL", 20, "1.5"), bar("AAPL", 23, "2"), bar("SPY", 20, None))


def test_digest_is_sixty_four_hexadecimal_digits() -> None:
    assert len(bytes.fromhex(content_digest(BARS, KEY))) == 32


def test_digest_does_not_depend_on_the_order_of_rows() -> None:
    assert content_digest(BARS.take([2, 0, 1]), KEY) == content_digest(BARS, KEY)


def test_digest_does_not_depend_on_the_order_of_rows_with_the_same_key() -> None:
    rows = table(bar("AAPL", 20, "1"), bar("AAPL", 20, "2"), bar("AAPL", 20, None))

    assert content_digest(rows.take([2, 1, 0]), KEY) == content_digest(rows, KEY)


def test_digest_does_not_depend_on_chunks() -> None:
    pieces = [BARS.slice(0, 0), BARS.slice(0, 1), BARS.slice(1), BARS.slice(3)]

    assert content_digest(pa.concat_tables(pieces), KEY) == content_digest(BARS, KEY)


def test_digest_does_not_depend_on_how_many_batches_there_are() -> None:
    count = (1 << 17) + 3
    whole = pa.table({"key": pa.array(range(count))})
    halves = pa.concat_tables([whole.slice(count // 2), whole.slice(0, count // 2)])

    assert content_digest(halves, ["key"]) == content_digest(whole, ["key"])


def test_digest_is_that_of_the_rows_as_the_lake_gives_them_back(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    commit = Commit("r1", datetime(2026, 11, 23, tzinfo=UTC))
    lake.append("ops.probe", BARS.slice(1), commit)
    lake.append("ops.probe", BARS.slice(0, 1), commit)

    assert content_digest(lake.read("ops.probe"), KEY) == content_digest(BARS, KEY)


def test_digest_of_no_rows_knows_the_columns() -> None:
    empty = SCHEMA.empty_table()

    assert content_digest(empty, KEY) == content_digest(BARS.slice(0, 0), KEY)
    assert content_digest(empty, KEY) != content_digest(empty.drop_columns(["source"]), KEY)


@pytest.mark.parametrize(
    "changed",
    [
        table(bar("AAPL", 20, "1.50000001"), bar("AAPL", 23, "2"), bar("SPY", 20, None)),
        table(bar("AAPL", 20, "1.5"), bar("AAPL", 24, "2"), bar("SPY", 20, None)),
        table(bar("AAPL", 20, "1.5"), bar("AAPL", 23, "2"), bar("SPX", 20, None)),
        table(bar("AAPL", 20, "1.5"), bar("AAPL", 23, "2"), bar("SPY", 20, "0")),
        table(bar("AAPL", 20, "1.5"), bar("AAPL", 23, "2")),
        pa.concat_tables([BARS, BARS.slice(2)]),
        BARS.rename_columns(["symbol", "timestamp", "open", "source"]),
        BARS.cast(SCHEMA.set(2, pa.field("close", pa.decimal128(38, 8)))),
        BARS.select(["symbol", "timestamp", "source", "close"]),
    ],
    ids=["value", "time", "text", "null", "row", "repeated row", "name", "type", "column order"],
)
def test_digest_changes_with_the_content(changed: pa.Table) -> None:
    assert content_digest(changed, KEY) != content_digest(BARS, KEY)


@pytest.mark.parametrize("text", ["", "\x00", "-", "null", "None"])
def test_missing_text_is_not_taken_for_any_other(text: str) -> None:
    missing, there = table(bar("SPY", 20, "1", None)), table(bar("SPY", 20, "1", text))

    assert content_digest(missing, KEY) != content_digest(there, KEY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a\x1fb", "c"), ("a", "b\x1fc")),
        (("ab", "c"), ("a", "bc")),
        (("a:", "1:b"), ("a", ":1:b")),
        (("-", None), (None, "-")),
    ],
)
def test_values_do_not_run_into_each_other(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None]
) -> None:
    schema = pa.schema([("symbol", pa.string()), ("source", pa.string())])

    first, second = table(one, schema=schema), table(other, schema=schema)

    assert content_digest(first, ["symbol"]) != content_digest(second, ["symbol"])


def test_row_that_holds_a_line_break_is_not_two_rows() -> None:
    broken, two = pa.table({"key": ["a\n1:b"]}), pa.table({"key": ["a", "b"]})

    assert content_digest(broken, ["key"]) != content_digest(two, ["key"])


TEXT = st.none() | st.text(alphabet="a-:1\n\x1f\x00", max_size=3)
ROWS = st.lists(st.tuples(TEXT, TEXT), max_size=4)


@given(one=ROWS, other=ROWS)
def test_digests_are_equal_exactly_where_the_rows_are(
    one: list[tuple[str | None, str | None]], other: list[tuple[str | None, str | None]]
) -> None:
    schema = pa.schema([("symbol", pa.string()), ("source", pa.string())])

    first, second = table(*one, schema=schema), table(*other, schema=schema)

    are_equal = sorted(one, key=repr) == sorted(other, key=repr)
    assert (content_digest(first, ["symbol"]) == content_digest(second, ["symbol"])) == are_equal


def test_rows_in_order_of_their_key_are_told_piece_by_piece() -> None:
    pieces = pa.concat_tables([BARS.slice(0, 1), BARS.slice(1)])

    assert ordered_digest(pieces.to_reader(), KEY) == content_digest(BARS, KEY)


@pytest.mark.parametrize(
    "rows",
    [
        BARS.take([1, 0, 2]),
        pa.concat_tables([BARS.slice(0, 1), BARS]),
        table((None, *bar("SPY", 20, "1")[1:]), bar("SPY", 20, "1")),
    ],
    ids=["out of order", "key repeats", "key is missing"],
)
def test_rows_that_are_not_in_order_of_their_key_have_no_ordered_digest(rows: pa.Table) -> None:
    assert ordered_digest(rows.to_reader(), KEY) is None


def test_order_is_looked_at_across_the_seams_of_blocks() -> None:
    count = 1 << 17
    numbers = [*range(count), count - 1]

    assert ordered_digest(pa.table({"key": numbers}).to_reader(), ["key"]) is None


KINDS = pa.schema(
    [("key", pa.int64()), ("flag", pa.bool_()), ("day", pa.date32()), ("text", pa.large_string())]
)


def test_every_kind_of_column_counts() -> None:
    row = {"key": 1, "flag": True, "day": datetime(2026, 11, 23).date(), "text": "a"}
    changes = [{"key": 2}, {"flag": False}, {"flag": None}, {"day": None}, {"text": ""}]

    digests = {
        content_digest(pa.Table.from_pylist([row | change], schema=KINDS), ["key"])
        for change in [{}, *changes]
    }

    assert len(digests) == 6
