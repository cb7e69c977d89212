"""A run that was verified is where the next ``verify`` begins."""

from datetime import UTC, datetime, timedelta

import pytest

from sentinel_lib.operations import checkpoint
from sentinel_lib.operations.rebuild import verify
from sentinel_lib.operations.rollback import rollback
from sentinel_lib.storage.layout import Layout, table_names
from sentinel_lib.storage.tables import Lake
from sentinel_lib.storage.upkeep import retire

HEADER = "Symbol,Date,Open,High,Low,Close,Volume\n"
FIRST = datetime(2024, 1, 2, tzinfo=UTC)
NOW = datetime(2024, 3, 1, tzinfo=UTC)


def day(project, number, *, close=11):
    """A run when day ``number`` is over, of its file and those before."""
    date = f"{FIRST + timedelta(days=number):%Y-%m-%d}"
    rows = f"A,{date},10,99,1,{close},100\nA,{date},-1,99,1,1,1\nB,{date},10,99,1,{close},100\n"
    # the newest file also corrects the bar before, and has one whose session is still open
    before = f"{FIRST + timedelta(days=number - 1):%Y-%m-%d}"
    after = f"{FIRST + timedelta(days=number + 1):%Y-%m-%d}"
    rows += f"B,{before},10,99,1,{close + 2},100\n" if number else ""
    (project.inbox / f"day{number}.csv").write_text(f"{HEADER}{rows}A,{after},10,99,1,12,100\n")
    return project.run(f"{FIRST + timedelta(days=number + 1):%Y-%m-%dT%H:%M:%SZ}")


@pytest.fixture(scope="module")
def three_days(make_project):
    project = make_project()
    terms = {"path": str(project.inbox), "interval": "1d"}
    project.assets({symbol: dict(terms) for symbol in "AB"}, source="files")
    for number in range(3):
        day(project, number)
    return project


@pytest.fixture
def market(three_days, tmp_path):
    """Three days of two assets."""
    return three_days.copied_to(tmp_path)


def test_what_was_verified_is_not_made_again_and_what_follows_is_held_to_it(market):
    checkpoint.keep(market.data, "run-003", NOW)
    day(market, 3)

    report = verify(market.data, "run-004")
    whole = verify(market.data, "run-004", from_start=True)

    assert (report.problems, report.rebuilt_runs, report.is_whole) == ([], 1, True)
    assert "runs up to run-003 were verified on 2024-03-01T00:00:00Z" in report.notes
    assert (whole.problems, whole.rebuilt_runs) == ([], 4)
    assert report.compared == whole.compared


@pytest.mark.thorough
def test_an_altered_row_is_found_upon_a_checkpoint_as_well(market):
    checkpoint.keep(market.data, "run-003", NOW)
    day(market, 3)
    lake = Lake(market.data)
    commit = lake.commits("silver.bars")[-1]
    lake.overwrite("silver.bars", lake.read("silver.bars").slice(1), commit)

    [problem] = verify(market.data, "run-004").problems

    assert problem.startswith("silver.bars differs: 4 rows published")


@pytest.mark.thorough
def test_checkpoint_outlives_the_versions_that_it_is_made_of(market):
    checkpoint.keep(market.data, "run-003", NOW)
    day(market, 3)
    for name in table_names(market.data):
        retire(Lake(market.data), name, NOW)

    assert verify(market.data, "run-004").rebuilt_runs == 1


@pytest.mark.thorough
def test_payloads_from_before_it_are_not_needed_to_verify_what_follows(market):
    checkpoint.keep(market.data, "run-003", NOW)
    archive = Layout(market.data).payloads
    old = {path for path in archive.rglob("*") if path.is_file()}
    day(market, 3)
    fetched = Lake(market.data).read("bronze.fetches").to_pylist()
    needed = {row["payload"] for row in fetched if row["run_id"] == "run-004"}
    for path in old:
        if path.name not in needed:
            path.unlink()

    assert verify(market.data, "run-004").problems == []


def test_another_checkpoint_takes_the_place_of_the_first(market):
    checkpoint.keep(market.data, "run-002", NOW)
    checkpoint.keep(market.data, "run-003", NOW)

    kept = checkpoint.newest(market.data, "run-003")

    assert kept is not None
    assert kept.run_id == "run-003"
    assert verify(market.data, "run-003").rebuilt_runs == 0


@pytest.mark.parametrize("why", ["an earlier run", "no such run", "damage", "rollback", "torn"])
def test_verify_begins_with_the_first_run_where_a_checkpoint_does_not_serve(market, why):
    checkpoint.keep(market.data, "run-009" if why == "no such run" else "run-003", NOW)
    verified = Layout(market.data).verified
    if why == "damage":
        file = next((verified / "silver" / "bars").glob("*.parquet"))
        content = file.read_bytes()
        file.unlink()  # it is a link
        file.write_bytes(content[:-1] + b"!")
    if why == "rollback":
        rollback(market.data, "run-001", run_id="run-004", now=NOW, command="rollback run-001")
    if why == "torn":
        Layout(market.data).checkpoint.write_text("{")

    asked = {"an earlier run": "run-002", "rollback": "run-004"}.get(why, "run-003")

    assert checkpoint.newest(market.data, asked) is None


def test_a_quarantine_that_the_archive_does_not_give_is_nothing_to_begin_with(market):
    lake = Lake(market.data)
    commit = lake.commits("quarantine.bars")[-1]
    lake.overwrite("quarantine.bars", lake.read("quarantine.bars").slice(1), commit)

    report = verify(market.data, "run-003")

    assert (report.problems, report.is_whole) == ([], False)


def test_a_damaged_quarantine_is_noted_and_nothing_to_begin_with(market):
    damaged = Lake(market.data).files("quarantine.bars")[0]
    path = market.data / damaged
    path.write_bytes(path.read_bytes()[:-1])

    report = verify(market.data, "run-003")

    assert (report.problems, report.is_whole) == ([], False)
    assert any(path.name in note for note in report.notes)
