"""Rows are found whatever change has rewritten the file they are in."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from sentinel_lib.storage.tables import Commit, Lake

COMMIT = Commit("run-1", datetime(2024, 1, 3, tzinfo=UTC))
ROWS = pa.table({"symbol": ["AAPL", "FB", "IBM"], "close": [1, 2, 3]})
TO_ADD = pa.table({"symbol": ["MSFT"], "close": [4]})


@pytest.fixture(params=["merge", "deletion"])
def lake(request, tmp_path):
    """A table of which a change has rewritten one file, and not another."""
    lake = Lake(tmp_path)
    if request.param == "merge":
        lake.append("trial.prices", ROWS, COMMIT)
        lake.upsert("trial.prices", ROWS, ["symbol"], COMMIT)
    else:
        gone = pa.table({"symbol": ["GONE"], "close": [0]})
        lake.append("trial.prices", pa.concat_tables([ROWS, gone]), COMMIT)
        lake.delete("trial.prices", ds.field("close") < 1, COMMIT)
    lake.append("trial.prices", TO_ADD, COMMIT)
    return lake


def rows(table):
    return sorted(table.to_pylist(), key=str)


def test_rows_are_selected_from_rewritten_files_and_from_others(lake):
    where = ds.field("symbol").isin(pa.array(["FB", "MSFT"]))

    found = lake.read("trial.prices", where=where)

    assert rows(found) == [{"symbol": "FB", "close": 2}, {"symbol": "MSFT", "close": 4}]
    assert found.schema.field("symbol").type == pa.string()


def test_a_condition_may_be_about_a_column_that_is_not_asked_for(lake):
    found = lake.read("trial.prices", columns=["close"], where=ds.field("symbol") >= "IBM")

    assert rows(found) == [{"close": 3}, {"close": 4}]


def test_a_condition_that_nothing_fulfils_gives_no_rows_of_the_table(lake):
    found = lake.read("trial.prices", where=ds.field("symbol") == "ZZZ")

    assert (len(found), found.column_names) == (0, ["symbol", "close"])
