"""Tables stay in order for years: few files, a short log, and all that is still kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.layout import DELTA_LOG
from sentinel_lib.storage.tables import Commit, Lake
from sentinel_lib.storage.upkeep import FILES_OF_A_SIZE, compact, remove_orphans, retire

DAILY = "gold.daily"
FIRST = datetime(2024, 1, 1, 22, tzinfo=UTC)


def commit_of(day: int) -> Commit:
    return Commit(f"r{day:04}", FIRST + timedelta(days=day), {"day": day})


def session(day: int, *, close: int = 1) -> pa.Table:
    values = dict.fromkeys(("open", "high", "low", "close", "volume"), Decimal(close))
    row = {"symbol": "AAPL", "session": date(2024, 1, 1) + timedelta(days=day), "bar_count": 1}
    return pa.Table.from_pylist([{**row, **values}], schema=schema_of(DAILY))


def append_days(lake: Lake, *days: int) -> None:
    for day in days:
        lake.append(DAILY, session(day), commit_of(day))


def rows_of(table: pa.Table) -> list[dict[str, object]]:
    return table.sort_by("session").to_pylist()


def test_small_files_are_put_together_and_no_row_changes(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    append_days(lake, *range(FILES_OF_A_SIZE))
    before, parts = rows_of(lake.read(DAILY)), lake.parts(DAILY)

    count = compact(lake, DAILY)

    [part] = lake.parts(DAILY)
    assert count == FILES_OF_A_SIZE
    assert rows_of(lake.read(DAILY)) == before
    assert part.version == max(part.version for part in parts)
    assert part.bounds("session") == (date(2024, 1, 1), date(2024, 1, FILES_OF_A_SIZE))
    assert lake.damaged(DAILY) == []
    assert compact(lake, DAILY) == 0


def test_commit_that_puts_together_says_what_the_one_before_it_said(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    append_days(lake, *range(FILES_OF_A_SIZE))
    last = lake.commits(DAILY)[-1]

    compact(lake, DAILY)

    newest = lake.commits(DAILY)[-1]
    assert (newest.run_id, newest.as_of) == (last.run_id, last.as_of)
    assert lake.certificate(DAILY) == {"day": FILES_OF_A_SIZE - 1}
    assert len(lake.read_after(DAILY, "r0003")) == 4
    assert len(lake.read(DAILY, as_of=commit_of(3).as_of)) == 4


def test_few_files_or_large_ones_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    append_days(lake, *range(FILES_OF_A_SIZE - 1))
    assert compact(lake, DAILY) == 0

    append_days(lake, FILES_OF_A_SIZE - 1)
    monkeypatch.setattr("sentinel_lib.storage.upkeep.LARGE_ROWS", 1)
    assert compact(lake, DAILY) == 0


def test_a_damaged_file_is_not_written_again_as_if_it_were_whole(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    append_days(lake, *range(FILES_OF_A_SIZE))
    file = Path(lake.files(DAILY)[3])
    file.write_bytes(file.read_bytes()[:-1] + b"!")

    with pytest.raises(StorageError, match="is damaged"):
        compact(lake, DAILY)
    assert lake.version(DAILY) == FILES_OF_A_SIZE - 1


def test_files_that_only_older_versions_need_go_and_each_kept_one_stays_whole(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path)
    for day in range(10):
        lake.overwrite(DAILY, session(0, close=day + 1), commit_of(day))

    count = retire(lake, DAILY, commit_of(6).as_of)

    assert count == 6
    for day in range(6, 10):
        [row] = lake.read(DAILY, as_of=commit_of(day).as_of).to_pylist()
        assert row["close"] == day + 1
    with pytest.raises(StorageError, match="removes files of old runs"):
        lake.read_after(DAILY, "r0005")
    assert retire(lake, DAILY, commit_of(6).as_of) == 0


def test_what_stood_between_two_commits_is_the_earlier_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for day in (0, 5):
        lake.overwrite(DAILY, session(0, close=day + 1), commit_of(day))

    assert retire(lake, DAILY, commit_of(3).as_of) == 0
    assert retire(lake, DAILY, commit_of(9).as_of) == 1
    assert len(lake.read(DAILY)) == 1


def test_runs_after_a_rollback_are_kept_by_when_they_were_published(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for number, day in enumerate((0, 8, 2, 3)):  # the third goes back in time
        rows = session(0, close=number + 1)
        lake.overwrite(DAILY, rows, Commit(f"r{number}", commit_of(day).as_of))

    retire(lake, DAILY, commit_of(7).as_of)

    assert [row["close"] for row in lake.read(DAILY).to_pylist()] == [4]
    assert [lake.read_after(DAILY, f"r{n}").num_rows for n in range(4)] == [1] * 4


def test_log_of_a_long_life_is_short_and_tells_what_is_kept(tmp_path: Path) -> None:
    lake, days = Lake(tmp_path), 130
    for day in range(days):
        append_days(lake, day)
        compact(lake, DAILY)
        retire(lake, DAILY, commit_of(day - 20).as_of)

    files, log = lake.parts(DAILY), list((lake.path(DAILY) / DELTA_LOG).glob("*.json"))
    assert len(lake.read(DAILY)) == days
    assert len(files) < 2 * FILES_OF_A_SIZE
    assert len(list(lake.path(DAILY).glob("*.parquet"))) < 6 * FILES_OF_A_SIZE
    assert len(log) < days
    assert len(lake.read_after(DAILY, commit_of(days - 20).run_id)) == days - 19
    with pytest.raises(StorageError, match=r"had left in table gold\.daily is no longer kept"):
        lake.commit_after(DAILY, commit_of(0).run_id)
    assert remove_orphans(tmp_path) == 0
    assert len(lake.read_after(DAILY, commit_of(days - 20).run_id)) == days - 19


def test_table_that_only_a_notebook_knows_is_put_in_order_too(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for day in range(FILES_OF_A_SIZE):
        lake.append("trial.notes", pa.table({"note": [f"day {day:02}"]}), commit_of(day))

    assert compact(lake, "trial.notes") == FILES_OF_A_SIZE
    assert lake.read("trial.notes")["note"].to_pylist() == [f"day {day:02}" for day in range(16)]


def test_log_of_silver_tells_of_every_run_that_ever_published(tmp_path: Path) -> None:
    lake, days = Lake(tmp_path), 105
    for day in range(days):
        bars = schema_of("silver.bars").empty_table()
        lake.overwrite("silver.bars", bars, commit_of(day))

    retire(lake, "silver.bars", commit_of(days).as_of)

    runs = [commit.run_id for commit in lake.commits("silver.bars")]
    assert runs == [commit_of(day).run_id for day in range(days)]
