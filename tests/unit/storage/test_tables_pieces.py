"""Tables that are too large to be held: written piece by piece, read file by file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from sentinel_lib.errors import StorageError
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
    assert lake.files(NAME) == []


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
