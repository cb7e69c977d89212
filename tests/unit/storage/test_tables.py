from __future__ import annotations

import os
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable

from sentinel_lib.storage.catalog import CATALOG, schema_of
from sentinel_lib.storage.digest import content_digest
from sentinel_lib.storage.tables import Commit, Lake
from sentinel_lib.storage.upkeep import forget_history

DAILY = "gold.daily"
KEY = ["symbol", "session"]
MONDAY = Commit("r1", datetime(2026, 11, 23, 22, tzinfo=UTC))
TUESDAY = Commit("r2", datetime(2026, 11, 24, 22, tzinfo=UTC))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def sessions(*rows: tuple[str, int, str]) -> pa.Table:
    """Sessions of ``gold.daily``: symbol, day of November 2026, and the price all day."""
    names = ("open", "high", "low", "close")
    content = [
        {
            "symbol": symbol,
            "session": date(2026, 11, day),
            **dict.fromkeys(names, Decimal(price)),
            "volume": Decimal(1),
            "bar_count": 1,
        }
        for symbol, day, price in rows
    ]
    return pa.Table.from_pylist(content, schema=schema_of(DAILY))


def closes(rows: pa.Table) -> list[tuple[str, int, str]]:
    return sorted(
        (row["symbol"], row["session"].day, f"{row['close'].normalize():f}")
        for row in rows.to_pylist()
    )


def notes(*texts: str, run_id: str = "r1") -> pa.Table:
    """Rows of a table that has no schema of its own."""
    return pa.table({"run_id": [run_id] * len(texts), "note": list(texts)}).cast(
        pa.schema([("run_id", pa.string()), ("note", pa.string())])
    )


def metadata(lake: Lake, name: str) -> dict[str, Any]:
    return DeltaTable(str(lake.path(name))).history(limit=1)[0]


def test_appended_rows_are_added_to_those_there_are(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1")), MONDAY)
    lake.append(DAILY, sessions(("AAPL", 23, "2")), TUESDAY)

    assert closes(lake.read(DAILY)) == [("AAPL", 20, "1"), ("AAPL", 23, "2")]


def test_appending_no_rows_makes_the_table_once_and_no_further_commit(lake: Lake) -> None:
    lake.append(DAILY, sessions(), MONDAY)
    lake.append(DAILY, sessions(), TUESDAY)

    assert (lake.exists(DAILY), lake.version(DAILY), len(lake.read(DAILY))) == (True, 0, 0)


def test_overwriting_leaves_the_new_rows_only(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1"), ("SPY", 20, "5")), MONDAY)

    lake.overwrite(DAILY, sessions(("AAPL", 23, "2")), TUESDAY)

    assert closes(lake.read(DAILY)) == [("AAPL", 23, "2")]
    assert lake.version(DAILY) == 1


def test_overwriting_a_part_leaves_the_rest(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1"), ("SPY", 20, "5")), MONDAY)

    lake.overwrite(DAILY, sessions(("SPY", 23, "6")), TUESDAY, only=ds.field("symbol") == "SPY")

    assert closes(lake.read(DAILY)) == [("AAPL", 20, "1"), ("SPY", 23, "6")]


def test_overwriting_a_part_with_no_rows_deletes_it(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1"), ("SPY", 20, "5")), MONDAY)

    lake.overwrite(DAILY, sessions(), TUESDAY, only=ds.field("symbol").isin(["SPY", "TSLA"]))

    assert closes(lake.read(DAILY)) == [("AAPL", 20, "1")]


def test_overwriting_a_part_of_no_table_makes_it(lake: Lake) -> None:
    lake.overwrite(DAILY, sessions(("SPY", 20, "5")), MONDAY, only=ds.field("symbol") == "SPY")

    assert closes(lake.read(DAILY)) == [("SPY", 20, "5")]


def test_upsert_replaces_the_same_key_and_adds_the_others(lake: Lake) -> None:
    lake.upsert(DAILY, sessions(("AAPL", 20, "1"), ("SPY", 20, "5")), KEY, MONDAY)

    lake.upsert(DAILY, sessions(("AAPL", 20, "1.5"), ("AAPL", 23, "2")), KEY, TUESDAY)

    expected = [("AAPL", 20, "1.5"), ("AAPL", 23, "2"), ("SPY", 20, "5")]
    assert closes(lake.read(DAILY)) == expected
    assert lake.version(DAILY) == 1


def test_upsert_of_no_rows_makes_no_commit(lake: Lake) -> None:
    lake.upsert(DAILY, sessions(("AAPL", 20, "1")), KEY, MONDAY)

    lake.upsert(DAILY, sessions(), KEY, TUESDAY)

    assert lake.version(DAILY) == 0


def test_delete_removes_what_the_predicate_covers(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1"), ("SPY", 20, "5")), MONDAY)

    lake.delete(DAILY, ds.field("symbol") == "SPY", TUESDAY)

    assert closes(lake.read(DAILY)) == [("AAPL", 20, "1")]
    assert metadata(lake, DAILY)["sentinel.run_id"] == "r2"


def test_equal_content_makes_no_commit(lake: Lake) -> None:
    lake.replace_if_changed("ops.notes", notes("a"), MONDAY)
    lake.replace_if_changed("ops.notes", notes("a"), TUESDAY)

    assert lake.version("ops.notes") == 0

    lake.replace_if_changed("ops.notes", notes("b"), TUESDAY)

    assert (lake.version("ops.notes"), lake.read("ops.notes")["note"].to_pylist()) == (1, ["b"])


def test_equal_content_from_pandas_makes_no_commit(lake: Lake) -> None:
    frame = pd.DataFrame(
        {
            "symbol": ["AAPL", "SPY"],
            "latest_date": [date(2026, 11, 23), None],
            "avg_7d_close": [1.5, None],
            "latest_volume": [float("nan")] * 2,
            "up_days": pd.array([1, None], dtype="Int64"),
        }
    )

    for commit in (MONDAY, TUESDAY):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        lake.replace_if_changed("gold.aggregates", table, commit)

    assert lake.version("gold.aggregates") == 0


def test_replaced_content_may_have_other_columns(lake: Lake) -> None:
    lake.replace_if_changed("ops.notes", notes("a"), MONDAY)

    lake.replace_if_changed("ops.notes", pa.table({"rows": [7]}), TUESDAY)

    assert lake.read("ops.notes").to_pylist() == [{"rows": 7}]


def test_what_a_column_says_of_itself_is_kept_and_is_a_commit_where_it_changes(lake: Lake) -> None:
    def figures(unit: str) -> pa.Table:
        field = pa.field("close", pa.float64(), metadata={"unit": unit})
        return pa.table([[1.5]], pa.schema([field]))

    for unit, commit in (("price", MONDAY), ("price", MONDAY), ("percent", TUESDAY)):
        lake.replace_if_changed("gold.aggregates", figures(unit), commit)

    fields = [
        lake.read("gold.aggregates", version=version).schema.field("close") for version in (0, 1)
    ]
    assert [field.metadata for field in fields] == [{b"unit": b"price"}, {b"unit": b"percent"}]
    assert lake.version("gold.aggregates") == 1


def test_forgotten_history_leaves_the_newest_version_and_its_files(lake: Lake) -> None:
    lake.overwrite(DAILY, sessions(("AAPL", 20, "1")), MONDAY)
    lake.overwrite(DAILY, sessions(("AAPL", 20, "2")), TUESDAY)

    forget_history(lake, DAILY)

    assert closes(lake.read(DAILY)) == [("AAPL", 20, "2")]
    assert len(list(lake.path(DAILY).glob("*.parquet"))) == 1


CERTIFIED = Commit("r3", TUESDAY.as_of, {"candidate_digest": "abc", "verdicts": {"AAPL": "passed"}})


@pytest.mark.parametrize("way", ["append", "overwrite", "part", "upsert", "replace"])
def test_every_commit_says_its_run_its_clock_and_its_certificate(lake: Lake, way: str) -> None:
    rows = sessions(("AAPL", 20, "2"))
    lake.append(DAILY, sessions(("AAPL", 20, "1")), MONDAY)

    match way:
        case "append":
            lake.append(DAILY, rows, CERTIFIED)
        case "overwrite":
            lake.overwrite(DAILY, rows, CERTIFIED)
        case "part":
            lake.overwrite(DAILY, rows, CERTIFIED, only=ds.field("symbol") == "AAPL")
        case "upsert":
            lake.upsert(DAILY, rows, KEY, CERTIFIED)
        case "replace":
            lake.replace_if_changed(DAILY, rows, CERTIFIED)

    said = metadata(lake, DAILY)
    assert said["sentinel.run_id"] == "r3"
    assert said["sentinel.as_of"] == "2026-11-24T22:00:00+00:00"
    assert lake.certificate(DAILY) == CERTIFIED.certificate


def test_certificate_is_empty_where_the_newest_commit_has_none(lake: Lake) -> None:
    assert lake.certificate(DAILY) == {}

    lake.append(DAILY, sessions(("AAPL", 20, "1")), CERTIFIED)
    lake.append(DAILY, sessions(("AAPL", 23, "2")), MONDAY)

    assert lake.certificate(DAILY) == {}


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (datetime(2026, 11, 23, 22, tzinfo=UTC), "1"),
        (datetime(2026, 11, 24, 21, 59, 59, tzinfo=UTC), "1"),
        (datetime(2026, 11, 24, 22, tzinfo=UTC), "3"),
        (datetime(2036, 1, 1, tzinfo=UTC), "3"),
    ],
)
def test_table_is_read_as_it_was_last_published_by_then(
    lake: Lake, as_of: datetime, expected: str
) -> None:
    for commit, price in ((MONDAY, "1"), (TUESDAY, "2"), (TUESDAY, "3")):
        lake.overwrite(DAILY, sessions(("AAPL", 20, price)), commit)

    assert closes(lake.read(DAILY, as_of=as_of)) == [("AAPL", 20, expected)]


def test_columns_and_rows_can_be_chosen(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1"), ("SPY", 20, "5")), MONDAY)

    found = lake.read(DAILY, columns=["symbol", "bar_count"], where=ds.field("symbol") == "SPY")

    assert found.to_pylist() == [{"symbol": "SPY", "bar_count": 1}]


def test_decimals_come_back_exactly(lake: Lake) -> None:
    prices = ["0.00000001", "999999999999.99999999", "-1.1", "0.1"]

    lake.append(DAILY, sessions(*(("AAPL", 20 + at, one) for at, one in enumerate(prices))), MONDAY)

    found = lake.read(DAILY).sort_by("session")
    assert found["close"].to_pylist() == [Decimal(price) for price in prices]
    assert found.schema.equals(schema_of(DAILY))


def test_table_that_is_not_there_can_be_read_as_an_empty_one(lake: Lake) -> None:
    found = lake.read_or_empty(DAILY)

    assert found.schema.equals(schema_of(DAILY))
    assert len(found) == 0
    assert lake.read_or_empty(DAILY, columns=["close"]).column_names == ["close"]


def test_table_that_is_there_is_read_whole_or_in_part(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1"), ("SPY", 20, "5")), MONDAY)

    found = lake.read_or_empty(DAILY, columns=["symbol"], where=ds.field("symbol") != "SPY")

    assert found.to_pylist() == [{"symbol": "AAPL"}]
    assert len(lake.read_or_empty(DAILY)) == 2


def test_reader_sees_the_old_table_or_the_new_one(lake: Lake) -> None:
    contents = {("a",) * 3, ("b",) * 5}
    lake.overwrite("ops.notes", notes(*["a"] * 3), MONDAY)
    done = threading.Event()

    def write() -> None:
        for at in range(12):
            lake.overwrite("ops.notes", notes(*(["a"] * 3 if at % 2 else ["b"] * 5)), TUESDAY)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(tuple(lake.read("ops.notes")["note"].to_pylist()))
        if not writer.is_alive():
            break
    writer.join()

    assert done.is_set()
    assert seen <= contents


@pytest.mark.parametrize("can_link", [True, False])
def test_files_of_another_table_are_adopted_as_they_are(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, can_link: bool
) -> None:
    if not can_link:
        monkeypatch.setattr(os, "link", _not_here)
    rows = schema_of("silver.candidate").empty_table()
    bar = {"symbol": "AAPL", "interval": "1d", "timestamp": datetime(2024, 1, 2, tzinfo=UTC)}
    lake.overwrite("silver.candidate", pa.Table.from_pylist([bar], rows.schema), MONDAY)

    lake.adopt("silver.bars", lake.files("silver.candidate"), TUESDAY)
    lake.overwrite("silver.candidate", rows, TUESDAY)
    forget_history(lake, "silver.candidate")

    assert lake.read("silver.bars")["symbol"].to_pylist() == ["AAPL"]
    assert lake.damaged("silver.bars") == []
    assert [commit.run_id for commit in lake.commits("silver.bars")] == [TUESDAY.run_id]


def test_a_digest_is_that_of_the_content_however_it_is_known(lake: Lake) -> None:
    start = datetime(2024, 1, 2, tzinfo=UTC)
    bars = [
        {"symbol": "AAPL", "interval": "1d", "timestamp": start + timedelta(days=day)}
        for day in range(3)
    ]
    ordered = pa.Table.from_pylist(bars, schema_of("silver.candidate"))
    digest = content_digest(ordered, CATALOG["silver.candidate"].key)

    lake.overwrite("silver.candidate", ordered, MONDAY)
    assert (lake.digest("silver.candidate"), lake.is_ordered("silver.candidate")) == (digest, True)

    lake.overwrite("silver.candidate", ordered.take([2, 0, 1]), TUESDAY)
    assert (lake.digest("silver.candidate"), lake.is_ordered("silver.candidate")) == (digest, False)

    lake.overwrite("silver.candidate", ordered.slice(0, 2), MONDAY)
    lake.append("silver.candidate", ordered.slice(2), TUESDAY)
    assert (lake.digest("silver.candidate"), lake.is_ordered("silver.candidate")) == (digest, False)


def _not_here(*_: object) -> None:
    raise OSError("no links on this file system")
