"""Files that no commit names are removed; those that any commit names stay."""

from datetime import UTC, datetime

import pyarrow as pa

from sentinel_lib.storage.tables import Commit, Lake
from sentinel_lib.storage.upkeep import remove_orphans

COMMIT = Commit("run-1", datetime(2024, 1, 3, tzinfo=UTC))
ROWS = pa.table({"symbol": ["AAPL"], "close": [1]})


def test_files_that_no_commit_names_are_removed_from_every_table(tmp_path):
    lake = Lake(tmp_path)
    for name in ("gold.aggregates", "ops.checks"):
        lake.append(name, ROWS, COMMIT)
        (lake.path(name) / "part-00000-of-a-killed-run.parquet").write_bytes(b"PAR1")
    (lake.path("ops.checks") / "_delta_log" / "_commit_of_a_killed_run.json.tmp").touch()

    removed = remove_orphans(tmp_path)

    assert removed == 3
    assert remove_orphans(tmp_path) == 0
    assert lake.read("gold.aggregates") == ROWS


def test_files_of_former_versions_are_no_orphans(tmp_path):
    lake = Lake(tmp_path)
    lake.append("ops.checks", ROWS, COMMIT)
    lake.overwrite("ops.checks", ROWS.slice(1), COMMIT)

    removed = remove_orphans(tmp_path)

    assert removed == 0
    assert lake.read("ops.checks", version=0) == ROWS


def test_a_table_whose_first_commit_never_came_is_emptied(tmp_path):
    folder = tmp_path / "gold" / "daily"
    (folder / "_delta_log").mkdir(parents=True)
    (folder / "part-00000-of-a-killed-run.parquet").write_bytes(b"PAR1")

    removed = remove_orphans(tmp_path)

    assert removed == 1
