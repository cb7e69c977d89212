"""One bit that is not what was committed is found, whoever reads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable

from sentinel_lib.errors import StorageError
from sentinel_lib.storage import delta_log
from sentinel_lib.storage.tables import Commit, Lake

NAME = "trial.prices"
MONDAY = Commit("r1", datetime(2026, 11, 23, 22, tzinfo=UTC))
TUESDAY = Commit("r2", datetime(2026, 11, 24, 22, tzinfo=UTC))
WEDNESDAY = Commit("r3", datetime(2026, 11, 25, 22, tzinfo=UTC))
ROWS = pa.table({"symbol": ["AAPL", "FB", "IBM"], "close": [1, 2, 3]})
REPAIR = "python run_pipeline.py verify --repair"


def flip_a_bit(path: Path) -> None:
    """Change the first value in the file's first page: size and date stay what they are."""
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)


def appended(lake: Lake) -> None:
    lake.append(NAME, ROWS, MONDAY)


def rewritten(lake: Lake) -> None:
    lake.append(NAME, ROWS, MONDAY)
    lake.delete(NAME, ds.field("symbol") == "FB", TUESDAY)
    lake.upsert(NAME, ROWS.slice(0, 1), ["symbol"], TUESDAY)


def compacted_by_delta(lake: Lake) -> None:
    for commit in (MONDAY, TUESDAY):
        lake.append(NAME, ROWS, commit)
    DeltaTable(str(lake.path(NAME))).optimize.compact()


Reader = Callable[[Lake], object]
READERS: list[Reader] = [
    lambda lake: lake.read(NAME),
    lambda lake: lake.read(NAME, columns=["close"], where=ds.field("symbol") == "AAPL"),
    lambda lake: lake.files(NAME),
]


@pytest.mark.parametrize("read", READERS, ids=["all", "a part", "by an engine"])
@pytest.mark.parametrize("write", [appended, rewritten, compacted_by_delta])
def test_a_flipped_bit_is_found(
    tmp_path: Path, write: Callable[[Lake], None], read: Reader
) -> None:
    write(Lake(tmp_path))
    (path, *_) = delta_log.opened(tmp_path, NAME).files()
    flip_a_bit(path)

    with pytest.raises(StorageError) as caught:
        read(Lake(tmp_path))

    assert f"table {NAME} in {tmp_path}" in caught.value.message
    assert str(path.relative_to(tmp_path)) in caught.value.message
    assert caught.value.next_step == REPAIR


@pytest.mark.parametrize("write", [appended, rewritten])
def test_what_was_written_is_read(tmp_path: Path, write: Callable[[Lake], None]) -> None:
    write(Lake(tmp_path))

    assert "AAPL" in Lake(tmp_path).read(NAME)["symbol"].to_pylist()
    assert Lake(tmp_path).damaged(NAME) == []


def test_a_file_without_a_checksum_is_refused_though_nothing_is_wrong_with_it(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path)
    compacted_by_delta(lake)

    with pytest.raises(StorageError) as caught:
        lake.read(NAME)

    assert "it carries no checksum" in str(caught.value.observed)
    assert len(Lake(tmp_path, is_checked=False).read(NAME)) == 2 * len(ROWS)


def test_only_files_that_are_read_are_checked(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append(NAME, ROWS, MONDAY)
    (damaged,) = lake.files(NAME)
    lake.append(NAME, pa.table({"symbol": ["MSFT"], "close": [4]}), TUESDAY)
    flip_a_bit(Path(damaged))

    found = Lake(tmp_path).read(NAME, where=ds.field("symbol") == "MSFT")

    assert found["close"].to_pylist() == [4]


def test_a_change_does_not_carry_damaged_rows_on(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append(NAME, ROWS, MONDAY)
    (path,) = lake.files(NAME)
    flip_a_bit(Path(path))

    with pytest.raises(StorageError, match="is damaged"):
        lake.delete(NAME, ds.field("symbol") == "AAPL", TUESDAY)

    assert lake.version(NAME) == 0


def test_a_file_that_was_found_whole_once_is_read_afresh_when_all_is_looked_through(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path)
    lake.append(NAME, ROWS, MONDAY)
    lake.read(NAME)
    (path,) = map(Path, lake.files(NAME))
    before = path.stat()
    flip_a_bit(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    (found,) = lake.damaged(NAME)

    assert path.name in found.message


def test_the_way_back_is_the_newest_run_that_did_without_the_file(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for commit, close in ((MONDAY, 1.5), (TUESDAY, 2.5), (WEDNESDAY, 3.5)):
        rows = pa.table({"symbol": ["AAPL"], "latest_close": [close]})
        lake.replace_if_changed("gold.aggregates", rows, commit)
    (newest,) = lake.files("gold.aggregates")
    flip_a_bit(Path(newest))

    with pytest.raises(StorageError) as caught:
        lake.read("gold.aggregates")

    assert caught.value.next_step == "python run_pipeline.py rollback r2"


def test_no_run_is_the_way_back_whose_own_files_are_damaged_or_gone(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for commit, close in ((MONDAY, 1.5), (TUESDAY, 2.5)):
        rows = pa.table({"symbol": ["AAPL"], "latest_close": [close]})
        lake.replace_if_changed("gold.aggregates", rows, commit)
    for path in lake.path("gold.aggregates").glob("*.parquet"):
        flip_a_bit(path)

    with pytest.raises(StorageError) as caught:
        lake.read("gold.aggregates")

    assert caught.value.next_step == REPAIR
