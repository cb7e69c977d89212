"""Tables that are too large to be held: written piece by piece, read file by file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from sentinel_lib.errors import StorageError
from sentinel_lib.storage import data_files
from sentinel_lib.storage.tables import Commit, Lake

NAME = "ops.probe"
COMMIT = Commit("r1", datetime(2026, 11, 23, 22, tzinfo=UTC))
ROWS = pa.table({"symbol": ["AAPL", "SPY", "TSLA"], "rows": [1, 2, 3]})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_files_are_those_that_the_newest_version_is_made_of(lake: Lake) -> None:
    lake.append(NAME, ROWS, COMMIT)
    first = lake.files(NAME)

    lake.overwrite(NAME, ROWS, COMMIT)

    second = lake.files(NAME)
    assert (len(first), len(second)) == (1, 1)
    assert first != second


def test_table_that_is_not_there_has_no_files(lake: Lake) -> None:
    with pytest.raises(StorageError, match=r"ops\.probe has not been published"):
        lake.files(NAME)


def test_rows_that_come_in_pieces_are_written_as_one_change(lake: Lake) -> None:
    pieces = pa.concat_tables([ROWS.slice(0, 1), ROWS.slice(1)]).to_reader()

    lake.overwrite(NAME, pieces, COMMIT)

    assert lake.version(NAME) == 0
    assert lake.read(NAME).sort_by("symbol").equals(ROWS)


def test_pieces_with_other_columns_are_refused(lake: Lake) -> None:
    with pytest.raises(StorageError, match=r"columns of table gold\.daily"):
        lake.overwrite("gold.daily", ROWS.to_reader(), COMMIT)

    assert not lake.exists("gold.daily")


def test_writing_that_fails_between_two_pieces_leaves_the_table_as_it_was(lake: Lake) -> None:
    lake.overwrite(NAME, ROWS, COMMIT)

    def failing():
        yield from ROWS.to_batches()
        raise OSError("the disk went away")

    with pytest.raises(StorageError, match="the disk went away"):
        lake.overwrite(NAME, pa.RecordBatchReader.from_batches(ROWS.schema, failing()), COMMIT)

    assert lake.version(NAME) == 0
    assert lake.read(NAME).equals(ROWS)


def test_only_files_that_may_hold_the_rows_are_read(lake: Lake) -> None:
    for at, symbol in enumerate(["AAPL", "SPY", "Ærø"]):
        moment = datetime(2026, 11, 20 + at, 22, 0, 0, 123457, UTC)
        rows = {"symbol": [symbol, None], "at": [moment, moment], "day": [moment.date()] * 2}
        lake.append(NAME, pa.table({**rows, "rows": [at, None]}), COMMIT)
    by_symbol = {symbol: Path(path) for symbol, path in zip("ASÆ", lake.files(NAME), strict=True)}
    wanted = datetime(2026, 11, 21, 22, 0, 0, 123457, UTC)
    conditions = [
        ds.field("symbol") == "SPY",
        ds.field("symbol").isin(["SPY"]),
        ds.field("at") == wanted,
        ds.field("day") == wanted.date(),
        ds.field("rows") == 1,
    ]
    by_symbol["A"].unlink()
    by_symbol["Æ"].unlink()

    found = [lake.read(NAME, columns=["symbol"], where=one).to_pylist() for one in conditions]

    assert {"symbol": "SPY"} in found[2]
    assert [rows[0] for rows in found] == [{"symbol": "SPY"}] * len(conditions)


def test_a_large_table_is_in_files_of_which_a_change_touches_only_some(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "BLOCKS_A_FILE", 1)
    rows = pa.table({"symbol": [f"{at:06}" for at in range(300_000)], "rows": range(300_000)})
    lake.overwrite(NAME, rows.to_reader(max_chunksize=1_000), COMMIT)
    before = lake.files(NAME)

    lake.upsert(NAME, pa.table({"symbol": ["000007"], "rows": [-1]}), ["symbol"], COMMIT)

    after = lake.files(NAME)
    assert len(before) == 3
    assert len(set(before) & set(after)) == 2
    assert len(lake.read(NAME)) == 300_000
    changed = lake.read(NAME, where=ds.field("symbol") == "000007")
    assert changed["rows"].to_pylist() == [-1]
