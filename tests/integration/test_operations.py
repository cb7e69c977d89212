"""Looking back, going back, judging again, building again: over a few runs of the stages."""

import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.dataset as ds
import pytest
import yaml

from sentinel_lib import read_table
from sentinel_lib.errors import UsageError
from sentinel_lib.operations.difference import difference
from sentinel_lib.operations.rebuild import verify
from sentinel_lib.operations.retention import vacuum
from sentinel_lib.operations.rollback import rollback
from sentinel_lib.operations.scratch import scratch_copy
from sentinel_lib.storage import journal
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.lock import RunLock
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Commit, Lake

NOW = datetime(2024, 3, 1, tzinfo=UTC)
BARS = """Date,Open,High,Low,Close,Volume
2024-01-02,10,12,9,11,100
2024-01-03,11,13,10,12,100
2024-01-04,12,14,11,13,100
"""


AFTER_INGEST = ["validate", "promote_silver", "build_gold", "monitor"]


@pytest.fixture(scope="module")
def made_once(make_project):
    """A first load, one more session, and a correction with a bad row beside it."""
    project = make_project()
    project.assets({"AAPL": {}}, source="files", start="2024-01-01")
    path = project.inbox / "AAPL.csv"
    more = "2024-01-05,13,15,12,14,100\n"
    corrected = BARS.replace("9,11,100", "9,11.5,100") + more + "2024-01-06,1,,1,1,1\n"
    for day, text in enumerate([BARS, BARS + more, corrected]):
        path.write_text(text)
        outcome = project.run(f"2024-01-{8 + day:02}T00:00:00Z", input_path=str(path))
        assert outcome.errors == {}
    return project


@pytest.fixture
def three_runs(made_once, tmp_path):
    """A copy of it, to do anything to."""
    return made_once.copied_to(tmp_path)


def closes(project):
    return read_table("silver.bars", data=project.data).sort_values("timestamp")["close"].tolist()


def test_verify_builds_every_run_again_and_finds_nothing(three_runs):
    found = verify(three_runs.data, "run-003")

    assert found.problems == []
    assert found.rebuilt_runs == 3
    assert set(found.compared) == {
        "bronze.bars",
        "silver.bars",
        "gold.daily",
        "gold.aggregates",
        "gold/aggregates.csv",
        "gold/freshness.json",
    }


def test_verify_of_an_earlier_run_compares_what_it_had_published(three_runs):
    found = verify(three_runs.data, "run-001")

    assert (found.problems, found.rebuilt_runs) == ([], 1)


@pytest.mark.thorough
def test_verify_finds_a_row_that_somebody_put_into_a_table(three_runs):
    lake = Lake(three_runs.data)
    rows = lake.read("silver.bars").slice(0, 1)
    lake.append("silver.bars", rows, Commit("run-003", NOW))

    found = verify(three_runs.data, "run-003")

    assert len(found.problems) == 1
    assert found.problems[0].startswith("silver.bars differs: 5 rows published")


@pytest.mark.thorough
def test_verify_finds_a_figure_that_somebody_edited(three_runs):
    path = three_runs.data / "gold" / "aggregates.csv"
    path.write_text(path.read_text().replace("14.0", "15.0"))

    assert verify(three_runs.data, "run-003").problems == [
        "gold/aggregates.csv differs from what the archive gives"
    ]


def test_difference_counts_the_rows_and_gives_the_figures_that_changed(three_runs):
    found = difference(three_runs.data, "run-001", "run-003")

    silver = found.tables["silver.bars"]
    assert (silver.added, silver.removed, silver.changed) == (1, 0, 1)
    assert found.tables["quarantine.bars"].added == 1
    [refused] = found.tables["quarantine.bars"].samples["added"]
    assert (refused["asset"], Path(refused["file"]).name, refused["line"]) == (
        "AAPL",
        "AAPL.csv",
        6,
    )
    assert list(refused) == ["asset", "file", "line", "rule"]
    assert silver.samples["changed"][0]["close"] == (Decimal("11"), Decimal("11.5"))
    assert ("AAPL", "sessions", 3, 4) in found.metrics
    assert difference(three_runs.data, "run-003", None).is_none


def test_rollback_restores_silver_and_gold_and_deletes_nothing(three_runs):
    before = closes(three_runs)
    history = len(Lake(three_runs.data).commits("silver.bars"))

    record = rollback(three_runs.data, "run-001", run_id="run-004", now=NOW, command="rollback")

    assert (record.kind, record.restored) == ("rollback", "run-001")
    assert record.as_of == datetime(2024, 1, 8, tzinfo=UTC)
    assert closes(three_runs) == [11.0, 12.0, 13.0]
    assert difference(three_runs.data, "run-001", None).tables["gold.daily"].is_none
    assert (
        "AAPL,3,2024-01-02,2024-01-04,13.000000"
        in (three_runs.data / "gold" / "aggregates.csv").read_text()
    )
    assert len(Lake(three_runs.data).commits("silver.bars")) == history + 1
    again = difference(three_runs.data, "run-003", None).tables["silver.bars"]
    assert (again.removed, again.changed) == (1, 1)
    assert before != closes(three_runs)


def roll_back(project, target, run_id="run-004"):
    return rollback(project.data, target, run_id=run_id, now=NOW, command="rollback")


def state(project):
    """The published rows, figures and files, the refused rows, and how many commits there are."""
    lake = Lake(project.data)
    gold = project.data / "gold"
    return (
        closes(project),
        len(lake.read("quarantine.bars")),
        (gold / "aggregates.csv").read_text(),
        (gold / "freshness.json").read_text(),
        (project.data / "ops" / "quality.json").read_text(),
    )


@pytest.mark.thorough
def test_rollback_restores_all_that_the_run_had_left(project):
    project.assets({"AAPL": {}}, source="files", start="2024-01-01")
    path = project.inbox / "AAPL.csv"
    path.write_text(BARS + "2024-01-06,1,,1,1,1\n")
    project.run("2024-01-05T00:00:00Z", input_path=str(path))
    then = state(project)
    path.write_text(BARS.replace("9,11,100", "9,11.5,100"))
    project.run("2024-01-09T00:00:00Z", input_path=str(path))
    assert state(project) != then

    roll_back(project, "run-001", "run-003")

    assert state(project) == then


def test_the_same_rollback_again_does_nothing(three_runs):
    first = roll_back(three_runs, "run-001")
    versions = {one.version for one in Lake(three_runs.data).commits("silver.bars")}

    again = roll_back(three_runs, "run-001", "run-005")

    assert again == first
    assert {one.version for one in Lake(three_runs.data).commits("silver.bars")} == versions


def test_a_rollback_that_was_killed_is_made_whole_by_the_next_command_that_writes(
    three_runs, monkeypatch
):
    undisturbed = three_runs.copied_to(three_runs.data.parent / "undisturbed")
    roll_back(undisturbed, "run-001")
    replace, moved = Path.replace, []

    def killed_between(path, target):
        if Layout(path).unfinished.name in path.parts and path.parent.name == "_delta_log":
            moved.append(path)
            if len(moved) == 2:
                raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", killed_between)
    with pytest.raises(KeyboardInterrupt):
        roll_back(three_runs, "run-001")
    monkeypatch.undo()
    assert journal.read(three_runs.data).command == "python run_pipeline.py rollback run-001"

    with RunLock(three_runs.data, lambda: NOW).hold("python run_pipeline.py vacuum"):
        pass

    assert state(three_runs) == state(undisturbed)
    history = RunHistory(three_runs.data)
    assert history.run_of("run-004") == RunHistory(undisturbed.data).run_of("run-004")
    assert roll_back(three_runs, "run-001", "run-005").run_id == "run-004"


@pytest.mark.thorough
def test_rollback_after_a_metric_came_restores_the_figures_without_it(three_runs):
    lake = Lake(three_runs.data)
    figures = lake.read("gold.aggregates")
    more = figures.append_column("newest", figures["latest_close"])
    lake.replace_if_changed("gold.aggregates", more, Commit("run-003", NOW))

    roll_back(three_runs, "run-002")

    assert "newest" not in (three_runs.data / "gold" / "aggregates.csv").read_text()


@pytest.mark.thorough
def test_rows_that_waited_then_wait_again_and_are_promoted_by_the_next_run(project):
    project.assets({"AAPL": {}}, source="files", start="2024-01-01")
    path = project.inbox / "AAPL.csv"
    path.write_text(BARS)
    project.run("2024-01-04T00:00:00Z", input_path=str(path))  # that day's bar is not final
    assert closes(project) == [11.0, 12.0]
    path.write_text(BARS.replace("2024-01-02,10,12,9,11,100\n", ""))
    project.run("2024-01-08T00:00:00Z", input_path=str(path))
    assert closes(project) == [11.0, 12.0, 13.0]
    roll_back(project, "run-001", "run-003")
    assert closes(project) == [11.0, 12.0]
    other = project.inbox / "OTHER.csv"
    other.write_text("Date,Symbol,Open,High,Low,Close,Volume\n2024-01-02,AAPL,10,12,9,11,100\n")
    project._runs += 1

    outcome = project.run("2024-01-08T00:00:00Z", input_path=str(other))

    assert outcome.errors == {}
    assert closes(project) == [11.0, 12.0, 13.0]
    assert verify(project.data, "run-004").problems == []


@pytest.mark.thorough
def test_what_was_fetched_by_a_run_that_was_rolled_back_is_not_replayed(project):
    project.assets({"AAPL": {}}, source="files", start="2024-01-01")
    path = project.inbox / "AAPL.csv"
    path.write_text(BARS)
    project.run("2024-01-08T00:00:00Z", input_path=str(path))
    path.write_text(BARS + "2024-01-05,0,15,0,14,100\n")
    project.run("2024-01-09T00:00:00Z", input_path=str(path))
    roll_back(project, "run-001", "run-003")
    project._runs += 1
    project.rules("silver", rules=[r for r in silver_rules(project) if r.get("min_value") != 0])

    outcome = project.run("2024-01-10T00:00:00Z", archive="quarantine")

    assert outcome.records["validate"].assets["AAPL"].rows_in == 0
    assert closes(project) == [11.0, 12.0, 13.0]


@pytest.mark.thorough
def test_a_root_that_a_run_has_taken_far_ahead_can_be_used_again_after_a_rollback(project):
    project.assets({"AAPL": {}}, source="files", start="2024-01-01")
    path = project.inbox / "AAPL.csv"
    path.write_text(BARS)
    project.run("2024-01-08T00:00:00Z", input_path=str(path))
    path.write_text(BARS.replace("9,11,100", "9,11.5,100"))
    project.run("2034-01-08T00:00:00Z", input_path=str(path))
    refused = project.run("2024-01-09T00:00:00Z", input_path=str(path))
    assert "lies before what is published" in str(refused.errors["ingest"])

    roll_back(project, "run-001", "run-004")
    project._runs += 1
    outcome = project.run("2024-01-09T00:00:00Z", input_path=str(path))

    assert outcome.errors == {}
    assert closes(project) == [11.5, 12.0, 13.0]


@pytest.mark.thorough
def test_verify_does_a_rollback_again(three_runs):
    rollback(three_runs.data, "run-002", run_id="run-004", now=NOW, command="rollback")

    found = verify(three_runs.data, "run-004")

    assert (found.problems, found.rebuilt_runs) == ([], 4)


def test_rollback_to_a_run_that_published_nothing_is_refused(project):
    project.assets({"BAD": {"faults": {"nulls": 0.5}}})
    project.run("2024-02-01T00:00:00Z")

    with pytest.raises(UsageError, match="nothing that could be restored"):
        rollback(project.data, "run-001", run_id="r2", now=NOW, command="rollback")


@pytest.mark.thorough
def test_replay_promotes_what_a_mended_rule_lets_pass_and_again_changes_nothing(project):
    project.assets({"AAPL": {}}, source="files", start="2024-01-01")
    path = project.inbox / "AAPL.csv"
    path.write_text(BARS + "2024-01-05,0,15,0,14,100\n")
    project.run("2024-01-08T00:00:00Z", input_path=str(path))
    assert closes(project) == [11.0, 12.0, 13.0]
    path.unlink()
    rules = [rule for rule in silver_rules(project) if rule.get("min_value") != 0]
    project.rules("silver", rules=rules)

    first = project.run("2024-01-09T00:00:00Z", archive="quarantine")
    second = project.run("2024-01-10T00:00:00Z", archive="quarantine")

    assert first.errors == second.errors == {}
    assert (first.ledger("AAPL").promoted, first.ledger("AAPL").deduplicated) == (1, 3)
    assert closes(project) == [11.0, 12.0, 13.0, 14.0]
    assert len(read_table("quarantine.bars", data=project.data)) == 0
    assert second.records["validate"].assets["AAPL"].rows_in == 0
    assert verify(project.data, "run-003").problems == []


@pytest.mark.thorough
def test_verify_of_a_run_that_a_gate_blocked_finds_nothing(project):
    project.assets({"BAD": {"faults": {"nulls": 0.5}}})
    outcome = project.run("2024-02-01T00:00:00Z")

    found = verify(project.data, "run-001")

    assert list(outcome.errors) == ["validate"]
    assert (found.problems, found.rebuilt_runs) == ([], 1)


@pytest.mark.thorough
def test_stages_that_run_after_a_skipped_one_judge_the_batch_of_the_run_that_made_it(project):
    project.assets({"AAPL": {}}, source="files", start="2024-01-01")
    path = project.inbox / "AAPL.csv"
    path.write_text(BARS + "2024-01-05,0,15,0,14,100\n")
    project.run("2024-01-08T00:00:00Z", input_path=str(path))
    rules = [rule for rule in silver_rules(project) if rule.get("min_value") != 0]
    project.rules("silver", rules=rules)
    RunHistory(project.data).carry_over("ingest", "run-001", "run-002")

    outcome = project.run("2024-01-08T00:00:00Z", stages=AFTER_INGEST)

    assert outcome.errors == {}
    ledger = outcome.ledger("AAPL")
    assert (ledger.rows_in, ledger.promoted, ledger.deduplicated) == (4, 1, 3)
    assert closes(project) == [11.0, 12.0, 13.0, 14.0]
    assert len(read_table("quarantine.bars", data=project.data)) == 0
    assert read_table("ops.stage_runs", data=project.data).query("run_id == 'run-002'")[
        "stage"
    ].tolist() == ["validate", "promote_silver", "build_gold"]
    found = verify(project.data, "run-002")
    assert (found.problems, found.rebuilt_runs) == ([], 2)


def test_stage_that_runs_after_skipped_ones_publishes_the_candidate_of_the_run_that_made_it(
    project,
):
    project.assets({"AAPL": {}}, source="files", start="2024-01-01")
    path = project.inbox / "AAPL.csv"
    path.write_text(BARS)
    project.run("2024-01-08T00:00:00Z", input_path=str(path), stages=["ingest", "validate"])
    for stage in ("ingest", "validate"):
        RunHistory(project.data).carry_over(stage, "run-001", "run-002")

    outcome = project.run("2024-01-08T00:00:00Z", stages=AFTER_INGEST[1:])

    assert outcome.errors == {}
    assert closes(project) == [11.0, 12.0, 13.0]
    assert verify(project.data, "run-002").problems == []


@pytest.mark.thorough
def test_replay_reads_payloads_again_as_the_configuration_now_says(project):
    project.assets({"AAPL": {}}, source="files", start="2024-01-01")
    path = project.inbox / "AAPL.csv"
    path.write_text(BARS.replace("2024-01-04", "01/04/2024"))
    project.run("2024-01-08T00:00:00Z", input_path=str(path))
    rest = path.read_text()
    assert (
        "timestamp.unreadable" in read_table("quarantine.bars", data=project.data)["rule"].tolist()
    )
    project.assets(
        {"AAPL": {"date_format": "%m/%d/%Y", "path": str(path)}}, source="files", start="2024-01-01"
    )

    outcome = project.run("2024-01-09T00:00:00Z", archive="quarantine")

    assert "01/04/2024" in rest
    assert outcome.ledger("AAPL").promoted == 1
    assert closes(project) == [11.0, 12.0, 13.0]


@pytest.mark.thorough
def test_a_replay_does_not_undo_a_later_correction(project):
    project.assets({"AAPL": {}}, source="files", start="2024-01-01")
    path = project.inbox / "AAPL.csv"
    path.write_text(BARS + "2024-01-05,0,15,0,14,100\n")
    project.run("2024-01-08T00:00:00Z", input_path=str(path))
    path.write_text(BARS.replace("9,11,100", "9,11.5,100"))
    project.run("2024-01-09T00:00:00Z", input_path=str(path))
    project.rules("silver", rules=[r for r in silver_rules(project) if r.get("min_value") != 0])

    project.run("2024-01-10T00:00:00Z", archive="quarantine")

    assert closes(project) == [11.5, 12.0, 13.0, 14.0]


def test_a_scratch_copy_can_be_changed_without_touching_the_original(three_runs):
    before = closes(three_runs)

    with scratch_copy(three_runs.data) as copy:
        Lake(copy).delete("silver.bars", ds.field("symbol").is_valid(), Commit("x", NOW))
        assert len(Lake(copy).read("silver.bars")) == 0
        folder = copy.parent

    assert closes(three_runs) == before
    assert not folder.exists()


def test_vacuum_keeps_what_runs_within_the_time_need_and_removes_what_killed_ones_left(three_runs):
    lake = Lake(three_runs.data)
    folder = lake.path("silver.bars")
    live = next(folder.glob("*.parquet"))
    shutil.copy(live, folder / "part-00000-left-by-a-killed-writer.parquet")
    stray = three_runs.data / "gold" / ".aggregates.csv.half"
    stray.write_text("half")

    kept = vacuum(three_runs.data, timedelta(days=30))
    assert difference(three_runs.data, "run-001", "run-001").is_none
    assert stray.exists()
    vacuum(three_runs.data, timedelta(0))

    assert kept.strays == 0
    assert not stray.exists()
    assert closes(three_runs) == [11.5, 12.0, 13.0, 14.0]
    assert len(list(folder.glob("*.parquet"))) < 4


def test_a_run_is_known_by_the_beginning_of_its_name(three_runs):
    history = RunHistory(three_runs.data)

    assert history.known(None) == "run-003"
    assert history.known("run-002") == "run-002"
    with pytest.raises(UsageError, match="is the beginning of more than one run"):
        history.known("run")
    with pytest.raises(UsageError, match="did you mean"):
        history.known("rum-001")


def silver_rules(project):
    path = project.config / "expectations" / "silver.yaml"
    return yaml.safe_load(path.read_text())["rules"]
