from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from sentinel_lib.operations.difference import difference
from sentinel_lib.storage.delta_log import Commit
from sentinel_lib.storage.tables import Lake


def published(data: Path, run_id: str, **closes: float) -> None:
    rows = [{"symbol": symbol, "latest_close": close} for symbol, close in closes.items()]
    commit = Commit(run_id, datetime(2024, 1, 8, tzinfo=UTC))
    Lake(data).overwrite("gold.aggregates", pa.Table.from_pylist(rows), commit)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    published(tmp_path, "run-001", AAPL=1.0, SPY=5.0)
    published(tmp_path, "run-002", AAPL=2.0, QQQ=7.0)
    return tmp_path


def test_a_difference_counts_rows_and_names_each_metric_that_changed(data: Path) -> None:
    changes = difference(data, "run-001", "run-002")

    table = changes.tables["gold.aggregates"]
    assert (table.added, table.removed, table.changed) == (1, 1, 1)
    assert table.samples["changed"] == [{"symbol": "AAPL", "latest_close": (1.0, 2.0)}]
    assert ("AAPL", "latest_close", 1.0, 2.0) in changes.metrics
    assert ("SPY", "latest_close", 5.0, None) in changes.metrics


def test_a_run_does_not_differ_from_itself_and_the_last_one_is_how_things_stand(data: Path) -> None:
    assert difference(data, "run-001", "run-001").is_none
    assert difference(data, "run-002", None).is_none
