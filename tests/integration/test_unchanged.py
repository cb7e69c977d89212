"""Payloads that were promoted as they are: logged, counted, and neither parsed nor judged again."""

import json

import pytest

from sentinel_lib import read_table
from sentinel_lib.operations.rebuild import verify
from sentinel_lib.storage.tables import Lake

HEADER = "Date,Open,High,Low,Close,Volume\n"
DATA_STAGES = ["ingest", "validate", "promote_silver"]
FIRST, SECOND, THIRD = (f"2024-02-{day:02}T22:00:00Z" for day in (1, 2, 3))


def january(*closes):
    """A file of daily bars from 1 January 2024 on, by their closes; None: one that is no number."""
    rows = (
        f"2024-01-{day:02},10,99,1,{'err' if close is None else close},100\n"
        for day, close in enumerate(closes, start=1)
    )
    return HEADER + "".join(rows)


def assets_in(project, *symbols):
    return {symbol: {"path": str(project.inbox)} for symbol in symbols}


@pytest.fixture
def inbox(project):
    """A project of A and B, each with a file of five bars, run once."""
    project.assets(assets_in(project, "A", "B"), source="files")
    for symbol in ("A", "B"):
        (project.inbox / f"{symbol}.csv").write_text(january(11, 12, 13, 14, 15))
    project.run(FIRST)
    return project


def left_alone(outcome):
    return outcome.records["ingest"].details.unchanged


def fetched(project):
    """The fetch log: run, file, and the rows of each symbol."""
    rows = Lake(project.data).read("bronze.fetches").sort_by([("run_id", "ascending")]).to_pylist()
    return [(row["run_id"], row["locator"][-5:], json.loads(row["symbols"])) for row in rows]


def closes(project, symbol="A"):
    rows = read_table("silver.bars", data=project.data).sort_values("timestamp")
    return rows[rows["symbol"] == symbol]["close"].tolist()


def test_an_unchanged_file_is_logged_and_counted_and_a_new_one_beside_it_judged(inbox):
    (inbox.inbox / "B.csv").write_text(january(11, 12, 13, 14, 15, 16))

    outcome = inbox.run(SECOND)

    assert outcome.errors == {}
    assert len(left_alone(outcome)) == 1
    assert ("run-002", "A.csv", {"A": 5}) in fetched(inbox)
    for stage in ("ingest", "validate"):
        ledger = outcome.ledger("A", stage)
        assert (ledger.status, ledger.rows_in, ledger.deduplicated) == ("passed", 5, 5)
    ledger = outcome.ledger("B")
    assert (ledger.rows_in, ledger.promoted, ledger.deduplicated) == (6, 1, 5)
    assert (len(closes(inbox)), len(closes(inbox, "B"))) == (5, 6)


def test_nothing_new_at_all_is_a_run_like_any_other(inbox):
    before = Lake(inbox.data).version("silver.bars")

    for as_of in (SECOND, THIRD):
        outcome = inbox.run(as_of)
        assert (outcome.errors, len(left_alone(outcome))) == ({}, 2)

    assert Lake(inbox.data).version("silver.bars") == before
    assert read_table("gold.aggregates", data=inbox.data)["sessions"].tolist() == [5, 5]


def test_a_file_that_is_as_it_was_before_the_last_time_is_judged(inbox):
    first = (inbox.inbox / "A.csv").read_text()
    (inbox.inbox / "A.csv").write_text(january(11, 12, 13, 14, 99))
    inbox.run(SECOND)
    assert closes(inbox)[-1] == 99
    (inbox.inbox / "A.csv").write_text(first)

    outcome = inbox.run(THIRD)

    assert len(left_alone(outcome)) == 1
    assert closes(inbox)[-1] == 15


def rule_changed(project):
    project.rules("silver", limits={"min_rows": 2})


def asset_added(project):
    project.assets(assets_in(project, "A", "B", "C"), source="files")


@pytest.mark.parametrize("change", [rule_changed, asset_added])
def test_under_other_rules_or_terms_everything_is_judged_again(inbox, change):
    change(inbox)

    again = inbox.run(SECOND)
    assert left_alone(again) == ()
    assert again.ledger("A").deduplicated == 5

    assert len(left_alone(inbox.run(THIRD))) == 2


@pytest.mark.parametrize("stages", [["ingest"], ["ingest", "validate"]])
def test_what_a_run_fetched_that_did_not_promote_it_is_judged_again(inbox, stages):
    (inbox.inbox / "A.csv").write_text(january(11, 12, 13, 14, 15, 16))
    inbox.run(SECOND, stages=stages)

    outcome = inbox.run(THIRD)

    assert len(closes(inbox)) == 6
    ledger = outcome.ledger("A")
    assert (ledger.rows_in, ledger.promoted, ledger.deduplicated) == (6, 1, 5)


def test_rows_of_no_asset_that_a_killed_run_fetched_are_quarantined_by_the_next(inbox):
    (inbox.inbox / "ZZZ.csv").write_text(january(11, 12))
    inbox.run(SECOND, stages=["ingest"])

    outcome = inbox.run(THIRD)

    rows = Lake(inbox.data).read("quarantine.bars")
    assert rows["rule"].to_pylist() == ["unlisted", "unlisted"]
    assert outcome.records["validate"].assets["(unlisted)"].quarantined == 2
    again = inbox.run("2024-02-04T22:00:00Z")
    assert again.errors == {}
    assert again.records["validate"].assets["(unlisted)"].deduplicated == 2
    assert len(Lake(inbox.data).read("quarantine.bars")) == 2


def test_a_file_of_an_asset_that_was_held_back_is_judged_again(inbox):
    (inbox.inbox / "A.csv").write_text(january(*[11] * 18, None, None))
    assert inbox.run(SECOND).ledger("A").status == "blocked"

    outcome = inbox.run(THIRD)

    assert outcome.ledger("A").status == "blocked"
    assert len(left_alone(outcome)) == 1


def test_a_row_that_waits_is_judged_again_by_itself_and_others_stay_in_quarantine(inbox):
    (inbox.inbox / "A.csv").write_text(january(*[11] * 28, None, 12, 13) + "2024-02-01,1,9,1,9,1\n")
    inbox.run("2024-02-01T22:30:00Z")
    waiting = Lake(inbox.data).read("quarantine.bars").sort_by("line")
    assert waiting["rule"].to_pylist() == ["close.unreadable", "not_final"]

    outcome = inbox.run("2024-02-02T00:30:00Z")

    assert len(left_alone(outcome)) == 2
    ledger = outcome.ledger("A")
    assert (ledger.rows_in, ledger.promoted, ledger.deduplicated) == (32, 1, 31)
    assert closes(inbox)[-1] == 9
    left = Lake(inbox.data).read("quarantine.bars")
    assert left["rule"].to_pylist() == ["close.unreadable"]


def test_by_hand_all_of_the_batch_is_judged(inbox):
    outcome = inbox.run(SECOND, by_hand=True)

    assert left_alone(outcome) == ()
    assert outcome.ledger("A").deduplicated == 5


def test_a_later_file_corrects_an_unchanged_one_and_a_rebuild_agrees(inbox):
    """Were both judged, they would contradict each other."""
    rows = "Symbol,Date,Open,High,Low,Close,Volume\nA,2024-01-05,10,99,1,{},100\n"
    for path in inbox.inbox.iterdir():
        path.unlink()
    (inbox.inbox / "old.csv").write_text(rows.format(15))
    inbox.run(SECOND)
    (inbox.inbox / "new.csv").write_text(rows.format(50))

    outcome = inbox.run(THIRD)

    assert len(left_alone(outcome)) == 1
    assert closes(inbox)[-1] == 50
    assert verify(inbox.data, "run-003").problems == []
