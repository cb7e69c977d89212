from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import write_deltalake

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.tables import Commit, Lake

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


def test_rows_outside_the_part_to_overwrite_are_refused(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1")), MONDAY)

    with pytest.raises(StorageError, match=r"gold\.daily could not be written"):
        lake.overwrite(
            DAILY, sessions(("AAPL", 23, "2")), TUESDAY, only=ds.field("symbol") == "SPY"
        )

    assert closes(lake.read(DAILY)) == [("AAPL", 20, "1")]


def test_upsert_of_a_key_that_repeats_is_refused(lake: Lake) -> None:
    lake.upsert(DAILY, sessions(("AAPL", 20, "1")), KEY, MONDAY)

    with pytest.raises(StorageError, match=r"gold\.daily could not be written"):
        lake.upsert(DAILY, sessions(("AAPL", 20, "2"), ("AAPL", 20, "3")), KEY, TUESDAY)

    assert closes(lake.read(DAILY)) == [("AAPL", 20, "1")]


def test_delete_by_a_column_that_is_not_there_is_an_error(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1")), MONDAY)

    with pytest.raises(StorageError, match=r"gold\.daily could not be written"):
        lake.delete(DAILY, ds.field("ticker") == "AAPL", TUESDAY)


def test_moment_before_the_first_commit_is_an_error_that_names_the_first(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1")), MONDAY)

    with pytest.raises(StorageError, match=r"gold\.daily had not been published yet") as caught:
        lake.read(DAILY, as_of=datetime(2026, 11, 23, 21, tzinfo=UTC))

    assert caught.value.expected == "2026-11-23T22:00:00+00:00 or later"


def test_table_that_no_run_has_written_was_published_at_no_time(lake: Lake) -> None:
    write_deltalake(str(lake.path(DAILY)), sessions(("AAPL", 20, "1")))

    with pytest.raises(StorageError, match="had not been published yet"):
        lake.read(DAILY, as_of=MONDAY.as_of)


def test_column_that_is_not_there_is_an_error(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1")), MONDAY)

    with pytest.raises(StorageError, match="ticker"):
        lake.read(DAILY, columns=["ticker"])


def test_table_that_is_not_there_says_how_to_make_it(lake: Lake) -> None:
    for read in (lake.read, lake.files):
        with pytest.raises(StorageError, match=r"gold\.daily has not been published") as caught:
            read(DAILY)

        assert caught.value.next_step == "python run_pipeline.py run"
    assert (lake.exists(DAILY), lake.version(DAILY)) == (False, None)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    "wrong",
    [
        sessions(("AAPL", 20, "1")).drop_columns(["volume"]),
        sessions(("AAPL", 20, "1")).append_column("note", pa.array(["x"])),
        sessions(("AAPL", 20, "1")).rename_columns([*schema_of(DAILY).names[:-1], "bars"]),
    ],
    ids=["missing", "extra", "renamed"],
)
def test_rows_with_other_columns_are_refused(lake: Lake, wrong: pa.Table, is_first: bool) -> None:
    if not is_first:
        lake.append(DAILY, sessions(("AAPL", 20, "1")), MONDAY)

    with pytest.raises(StorageError, match="do not have the columns") as caught:
        lake.upsert(DAILY, wrong, KEY, TUESDAY)

    assert caught.value.observed == ", ".join(wrong.column_names)
    assert caught.value.expected == ", ".join(schema_of(DAILY).names)
    assert lake.version(DAILY) == (None if is_first else 0)


def test_value_of_the_wrong_type_is_refused(lake: Lake) -> None:
    rows = sessions(("AAPL", 20, "1"))
    text = rows.set_column(rows.column_names.index("close"), "close", pa.array(["cheap"]))

    with pytest.raises(StorageError, match=r"the rows do not fit table gold\.daily: .*cheap"):
        lake.append(DAILY, text, MONDAY)


@pytest.mark.parametrize("wrong", [pa.table({"run_id": ["r1"]}), pa.table({"rows": [1]})])
def test_columns_of_a_table_without_a_schema_stay_what_they_were(
    lake: Lake, wrong: pa.Table
) -> None:
    lake.append("ops.notes", pa.table({"rows": [1], "note": ["x"]}), MONDAY)
    before = lake.read("ops.notes")

    if "rows" in wrong.column_names:
        wrong = pa.table({"rows": ["many"], "note": ["x"]})
    with pytest.raises(StorageError, match=r"the rows do not (have|fit) .*ops\.notes"):
        lake.append("ops.notes", wrong, TUESDAY)

    assert lake.read("ops.notes").equals(before)


@pytest.mark.parametrize("name", ["gold", "gold/daily"])
def test_folder_that_cannot_be_written_is_an_error_that_names_the_table(
    lake: Lake, name: str
) -> None:
    blocked = lake.root / name
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("a file where a folder should be")

    with pytest.raises(StorageError, match=r"gold\.daily could not be written") as caught:
        lake.append(DAILY, sessions(("AAPL", 20, "1")), MONDAY)

    assert "run the same command again" in str(caught.value.next_step)


def test_table_that_has_lost_a_file_is_an_error_that_names_it(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1")), MONDAY)
    (lost,) = lake.path(DAILY).glob("*.parquet")
    lost.unlink()

    with pytest.raises(StorageError, match=r"gold\.daily in .* cannot be read") as caught:
        lake.read(DAILY)

    assert f"its file gold/daily/{lost.name} is damaged" in caught.value.message
    assert (caught.value.observed or "").startswith("it is not there")


def test_table_whose_log_is_garbled_is_an_error_that_names_it(lake: Lake) -> None:
    lake.append(DAILY, sessions(("AAPL", 20, "1")), MONDAY)
    for path in (lake.path(DAILY) / "_delta_log").glob("*.json"):
        path.write_text("not a log")

    with pytest.raises(StorageError, match=r"gold\.daily in .* cannot be read"):
        lake.read(DAILY)


def test_one_of_two_writers_at_the_same_time_is_told_so(lake: Lake) -> None:
    lake.append("ops.notes", notes("old"), MONDAY)
    refused: list[StorageError] = []

    def write(note: str, gate: threading.Barrier) -> None:
        gate.wait()
        try:
            lake.overwrite(
                "ops.notes", notes(*[note] * 1_000), TUESDAY, only=ds.field("run_id") == "r1"
            )
        except StorageError as error:
            refused.append(error)

    for _ in range(50):  # two writers meet nearly every time, but nothing forces them to
        gate = threading.Barrier(2)
        writers = [threading.Thread(target=write, args=(one, gate)) for one in ("a", "b")]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        if refused:
            break

    assert len(refused) == 1
    assert "was changed by another run at the same time" in refused[0].message
    assert len(set(lake.read("ops.notes")["note"].to_pylist())) == 1
