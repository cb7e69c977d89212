from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from sentinel_lib.storage.layout import table_version
from sentinel_lib.storage.tables import Commit, Lake

COMMIT = Commit("run", datetime(2024, 1, 3, tzinfo=UTC))
ROWS = pa.table({"symbol": ["AAPL"]})


def test_the_version_is_that_of_the_table_and_grows_with_it(tmp_path: Path) -> None:
    lake, found = Lake(tmp_path), []

    for _ in range(3):
        lake.append("ops.notes", ROWS, COMMIT)
        found.append(table_version(tmp_path, "ops.notes"))

    assert found == [0, 1, 2]
    assert found[-1] == lake.version("ops.notes")


def test_what_is_no_table_has_no_version(tmp_path: Path) -> None:
    assert table_version(tmp_path, "ops.notes") is None
    assert table_version(tmp_path, "aggregates.csv") is None
