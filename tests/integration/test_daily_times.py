"""Daily bars whose dates are written as instants, from the file to Gold."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentinel_lib import read_table

HEADER = "timestamp,open,high,low,close,volume"


def written(path, *times):
    rows = [f"{time},10,12,9,{11 + place / 10},100" for place, time in enumerate(times)]
    path.write_text("\n".join([HEADER, *rows, ""]))


def sessions(project):
    daily = read_table("gold.daily", data=project.data)
    return sorted(str(session)[:10] for session in daily["session"])


def test_one_midweek_bar_of_tokyo_is_promoted_as_its_own_session(project):
    project.assets({"7203": {"calendar": "XTKS", "path": str(project.inbox)}}, source="files")
    written(project.inbox / "7203.csv", "2026-06-09T15:00:00Z")

    outcome = project.run("2026-06-15T22:00:00Z")

    assert outcome.errors == {}
    assert sessions(project) == ["2026-06-10"]


@pytest.mark.thorough
def test_bar_that_waited_for_its_close_keeps_its_session_when_it_is_judged_alone(project):
    """Stamped at 20:00 in New York: 01:00 UTC in winter, midnight in summer."""
    project.assets({"AAPL": {"calendar": "XNYS", "path": str(project.inbox)}}, source="files")
    first, friday, monday = "2024-03-08T01:00:00Z", "2024-03-09T01:00:00Z", "2024-03-12T00:00:00Z"
    written(project.inbox / "AAPL.csv", first, friday, monday)
    before = project.run("2024-03-11T15:00:00Z")
    written(project.inbox / "AAPL.csv", friday, "2024-03-13T00:00:00Z")

    after = project.run("2024-03-12T12:00:00Z")

    assert before.records["validate"].quarantine == {"not_final": 1}
    assert after.ledger("AAPL").promoted == 2
    assert sessions(project) == ["2024-03-07", "2024-03-08", "2024-03-11"]


@pytest.mark.thorough
@pytest.mark.parametrize("table", ["silver.bars", "gold.daily"])
def test_what_was_exported_from_here_comes_back_as_the_same_sessions(project, table):
    project.assets({"AAPL": {"calendar": "XNYS", "path": str(project.inbox)}}, source="files")
    written(project.inbox / "AAPL.csv", "2024-01-04", "2024-01-05", "2024-01-08")
    project.run("2024-01-09T00:00:00Z")
    exported = pa.Table.from_pandas(read_table(table, data=project.data))
    (project.inbox / "AAPL.csv").unlink()
    pq.write_table(exported, project.inbox / "AAPL.parquet")

    outcome = project.run("2024-01-09T00:00:00Z", data=project.inbox.parent / "copy")

    assert outcome.errors == {}
    copied = read_table("silver.bars", data=project.inbox.parent / "copy")
    assert sorted(moment.date() for moment in copied["timestamp"]) == [
        date(2024, 1, day) for day in (4, 5, 8)
    ]
