"""A data folder may be named in any way that the system allows, but for a few that are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.tables import Commit, Lake
from sentinel_lib.storage.upkeep import retire

NAME = "trial.prices"
COMMIT = Commit("r1", datetime(2026, 11, 23, 22, tzinfo=UTC))
ROWS = pa.table({"symbol": ["AAPL", "FB", "IBM"], "close": [1, 2, 3]})


@pytest.mark.parametrize(
    "name",
    [
        "with space", "é 株", "100%", "50% off", "a#b", "[x]", "[a-z]*?", "{a,b}", "a*b", "a?b",
        "it's", '"quoted"', "~home", "a:b", "$HOME", "a&b;c", "symbol=ZZZ", "@", "<x>|^`", "-n",
    ],
)  # fmt: skip
def test_tables_are_written_changed_and_read_in_a_folder_with_any_name(
    tmp_path: Path, name: str
) -> None:
    lake = Lake(tmp_path / name / "data")
    lake.append(NAME, ROWS, COMMIT)
    lake.upsert(NAME, pa.table({"symbol": ["IBM"], "close": [4]}), ["symbol"], COMMIT)
    lake.delete(NAME, ds.field("symbol") == "FB", COMMIT)

    removed = retire(lake, NAME, COMMIT.as_of)

    files = lake.files(NAME)
    scanned = Engine(spill=tmp_path / name / "spill").scan(files, ROWS.schema).to_pyarrow()
    expected = [{"symbol": "AAPL", "close": 1}, {"symbol": "IBM", "close": 4}]
    assert scanned.sort_by("symbol").to_pylist() == expected
    assert lake.read(NAME).sort_by("symbol").to_pylist() == expected
    assert [Path(file).parent for file in files] == [lake.path(NAME)] * len(files)
    assert removed
    assert [commit.run_id for commit in lake.commits(NAME)] == ["r1"] * 3


def test_a_folder_that_takes_the_place_of_another_is_the_one_that_is_read(tmp_path: Path) -> None:
    first, second = tmp_path / "[one]", tmp_path / "[two]"
    Lake(first).append(NAME, ROWS, COMMIT)
    Lake(second).append(NAME, ROWS.slice(1), COMMIT)
    assert len(Lake(first).read(NAME)) == 3

    first.rename(tmp_path / "[former]")
    second.rename(first)

    assert len(Lake(first).read(NAME)) == 2


@pytest.mark.parametrize("name", ["a%20b", "a\\b", "a\nb"])
def test_a_folder_in_which_no_table_can_be_kept_is_refused_in_words(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(StorageError, match="tables cannot be kept in") as caught:
        Lake(tmp_path / name).append(NAME, ROWS, COMMIT)

    assert "another name" in str(caught.value.next_step)
