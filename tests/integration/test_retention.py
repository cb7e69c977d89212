"""What runs leave is kept as long as ``retention`` says, and tables stay in order."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from sentinel_lib.operations.rebuild import verify
from sentinel_lib.operations.retention import vacuum
from sentinel_lib.operations.rollback import rollback
from sentinel_lib.storage.tables import Lake

HEADER = "Symbol,Date,Open,High,Low,Close,Volume\n"
FIRST = datetime(2024, 1, 2, tzinfo=UTC)


def retention(project, **kept):
    """Keep what runs leave as long as ``kept`` says."""
    path = project.config / "pipeline.yaml"
    content = {**yaml.safe_load(path.read_text()), "retention": kept}
    path.write_text(yaml.safe_dump(content))


def day(project, number, *, close=11, at=None):
    """A file with a bar of A and of B, and one that a rule refuses; and a run when the day is over,
    or after the day ``at``.
    """
    date = f"{FIRST + timedelta(days=number):%Y-%m-%d}"
    rows = f"A,{date},10,99,1,{close},100\nB,{date},10,99,1,{close},100\nA,{date},-1,99,1,1,1\n"
    (project.inbox / f"day{number:03}.csv").write_text(HEADER + rows)
    after = FIRST + timedelta(days=(number if at is None else at) + 1)
    return project.run(f"{after:%Y-%m-%dT%H:%M:%SZ}")


@pytest.fixture
def market(project):
    """Two assets that trade every day."""
    terms = {"path": str(project.inbox), "interval": "1d"}
    project.assets({symbol: dict(terms) for symbol in "AB"}, source="files")
    retention(project)
    return project


def rows_of(project, name):
    return Lake(project.data).read(name).to_pylist()


def test_quarantined_rows_and_versions_go_when_their_time_has_passed_and_the_rest_stays(market):
    retention(market, quarantine="3d", versions="2d")
    for number in range(7):
        assert day(market, number).errors == {}

    judged = sorted(row["judged_as_of"] for row in rows_of(market, "quarantine.bars"))
    lake = Lake(market.data)

    assert judged == [FIRST + timedelta(days=number + 1) for number in range(3, 7)]
    assert len(rows_of(market, "silver.bars")) == 14
    assert len(lake.read_after("gold.daily", "run-005")) == 10
    with pytest.raises(Exception, match="removes files of old runs"):
        lake.read_after("quarantine.bars", "run-002")


def test_rows_that_wait_for_their_session_to_close_are_not_retired(market):
    retention(market, quarantine="0h")
    date = f"{FIRST:%Y-%m-%d}"
    (market.inbox / "open.csv").write_text(f"{HEADER}A,{date},10,99,1,11,100\n")
    market.run(f"{date}T12:00:00Z")
    (market.inbox / "open.csv").unlink()
    market.run(f"{date}T13:00:00Z")

    assert [row["rule"] for row in rows_of(market, "quarantine.bars")] == ["not_final"]


@pytest.mark.thorough
def test_what_retention_did_is_done_again_by_verify(market):
    retention(market, quarantine="1d", versions="1d")
    for number in range(4):
        day(market, number)

    report = verify(market.data, "run-004")

    assert (report.problems, report.rebuilt_runs) == ([], 4)


def test_where_a_stage_is_missing_tables_are_left_as_they_are(market):
    retention(market, quarantine="0h", versions="0h")
    day(market, 0)
    lake = Lake(market.data)
    versions = {name: lake.version(name) for name in ("silver.bars", "quarantine.bars")}

    later = f"{FIRST + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
    outcome = market.run(later, stages=["ingest", "monitor"])

    assert outcome.errors == {}
    assert versions == {name: lake.version(name) for name in versions}
    assert len(rows_of(market, "quarantine.bars")) == 1


@pytest.mark.thorough
def test_many_days_leave_few_files_and_a_correction_finds_its_bar(market, monkeypatch):
    monkeypatch.setattr("sentinel_lib.storage.upkeep.FILES_OF_A_SIZE", 3)
    for number in range(6):
        assert day(market, number).errors == {}
    lake = Lake(market.data)
    together = {name: lake.read(name) for name in ("silver.bars", "gold.daily", "bronze.fetches")}
    files = {name: len(lake.parts(name)) for name in together}

    assert max(files.values()) < 6
    assert len(together["silver.bars"]) == len(together["gold.daily"]) == 12
    assert verify(market.data, "run-006").problems == []
    assert day(market, 2, close=12, at=6).records["promote_silver"].assets["A"].promoted == 1
    closes = {row["session"]: row["close"] for row in rows_of(market, "gold.daily")}
    assert closes[(FIRST + timedelta(days=2)).date()] == 12


@pytest.mark.thorough
def test_a_run_whose_versions_are_kept_can_be_restored_after_files_were_put_together(
    market, monkeypatch
):
    monkeypatch.setattr("sentinel_lib.storage.upkeep.FILES_OF_A_SIZE", 3)
    retention(market, versions="30d")
    for number in range(5):
        day(market, number)
    moment = datetime(2024, 2, 1, tzinfo=UTC)

    rollback(market.data, "run-002", run_id="run-006", now=moment, command="rollback run-002")

    assert len(rows_of(market, "silver.bars")) == len(rows_of(market, "gold.daily")) == 4


def test_vacuum_counts_back_from_what_is_published(market):
    for number in range(3):
        day(market, number)
    for file in market.data.rglob("*.parquet"):
        os.utime(file, (time.time(),) * 2)

    assert vacuum(market.data, timedelta(days=30)).files == {}
    assert vacuum(market.data, timedelta(0)).files.keys() >= {"gold.aggregates"}
    assert len(rows_of(market, "silver.bars")) == 6
