"""Who is promoted, who is held back, and what nobody can get around."""

import json

import pyarrow.compute as pc
import pytest
import yaml

from sentinel_lib import read_table
from sentinel_lib.errors import GateBlocked, StageError, StorageError
from sentinel_lib.stages import open_stage
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

AS_OF = "2024-03-01T00:00:00Z"
HEALTHY = {"GOOD": {}, "FINE": {}}
NULLS = {"faults": {"nulls": 0.3}}


def symbols_in(project, table):
    return set(read_table(table, data=project.data)["symbol"])


@pytest.mark.thorough
def test_an_asset_with_too_many_bad_rows_is_held_back_and_the_others_are_promoted(project):
    project.assets({**HEALTHY, "BAD": NULLS})

    outcome = project.run(AS_OF)

    ledger = outcome.ledger("BAD")
    assert outcome.errors == {}
    assert ledger.status == "blocked"
    assert "max_quarantined_fraction" in ledger.reason
    assert (ledger.promoted, ledger.unexplained) == (0, 0)
    assert symbols_in(project, "silver.bars") == {"GOOD", "FINE"}
    assert symbols_in(project, "gold.aggregates") == {"GOOD", "FINE"}
    assert outcome.records["validate"].status == "degraded"


def test_a_held_asset_keeps_its_last_good_gold(project):
    project.assets({"GOOD": {}, "BAD": {}})
    project.run("2024-02-01T00:00:00Z")
    before = read_table("gold.aggregates", data=project.data).set_index("symbol").loc["BAD"]
    project.assets({"GOOD": {}, "BAD": {"faults": {"nulls": 0.6}}})

    outcome = project.run(AS_OF)

    after = read_table("gold.aggregates", data=project.data).set_index("symbol").loc["BAD"]
    assert outcome.ledger("BAD").status == "blocked"
    assert after.to_dict() == before.to_dict()
    board = json.loads((project.data / "gold" / "freshness.json").read_text())["assets"]
    assert (board["GOOD"]["status"], board["BAD"]["status"]) == ("fresh", "stale")


def test_nothing_is_promoted_where_every_asset_is_bad(project):
    project.assets({"ONE": NULLS, "TWO": {"faults": {"high_below_low": 0.5}}})

    outcome = project.run(AS_OF)

    assert isinstance(outcome.errors["validate"], GateBlocked)
    assert outcome.records["validate"].status == "blocked"
    assert {row.symbol for row in outcome.records["validate"].offending_rows} == {"ONE", "TWO"}
    assert not Lake(project.data).exists("silver.bars")
    assert list(outcome.records) == ["ingest", "validate", "monitor"]


def test_gaps_hold_an_asset_back_unless_they_only_warn(project):
    gaps = {"faults": {"gaps": 0.3}}
    project.assets({"GOOD": {}, "HOLES": gaps, "TOLERATED": {**gaps, "gaps": "warn"}})

    outcome = project.run(AS_OF)

    assert "max_missing_fraction" in outcome.ledger("HOLES").reason
    assert outcome.ledger("TOLERATED").status == "passed"
    failed = [check for check in outcome.records["validate"].checks if not check.passed]
    assert {(check.name, check.symbol, check.blocks) for check in failed} == {
        ("max_missing_fraction", "HOLES", True),
        ("max_missing_fraction", "TOLERATED", False),
        ("missing_sessions", "HOLES", False),
        ("missing_sessions", "TOLERATED", False),
    }


@pytest.mark.thorough
def test_sessions_due_without_a_row_are_not_evaluated(project):
    late = {"faults": {"late_sessions": 500}}
    project.assets({"GOOD": {}, "SILENT": late})

    outcome = project.run(AS_OF)

    assert outcome.ledger("SILENT").status == "not_evaluated"
    assert outcome.records["validate"].status == "degraded"


@pytest.mark.thorough
def test_an_asset_with_nothing_due_is_neither_green_nor_red(project):
    project.assets(HEALTHY)
    project.run(AS_OF)

    outcome = project.run(AS_OF)

    assert {one.status for one in outcome.records["validate"].assets.values()} == {"not_due"}
    assert outcome.errors == {}


@pytest.mark.thorough
def test_a_paused_asset_is_not_fetched_and_says_why(project):
    paused = {"paused_until": "2024-12-01", "reason": "delisting review"}
    project.assets({"GOOD": {}, "PAUSED": paused})

    outcome = project.run(AS_OF)

    assert outcome.ledger("PAUSED").status == "paused"
    board = json.loads((project.data / "gold" / "freshness.json").read_text())["assets"]
    assert board["PAUSED"]["status"] == "paused"
    assert "delisting review" in board["PAUSED"]["reason"]


@pytest.mark.thorough
def test_a_removed_asset_leaves_the_figures_and_keeps_its_history(project):
    project.assets(HEALTHY)
    project.run("2024-02-01T00:00:00Z")
    project.assets({"GOOD": {}})

    project.run(AS_OF)

    assert symbols_in(project, "gold.aggregates") == {"GOOD"}
    assert symbols_in(project, "silver.bars") == {"GOOD", "FINE"}
    board = json.loads((project.data / "gold" / "freshness.json").read_text())["assets"]
    assert list(board) == ["GOOD"]


@pytest.mark.parametrize(
    ("cell", "edited", "error"),
    [
        (
            "certificate = validate.certify(stage)\ncertificate.verdicts",
            "certificate = None",
            StageError,
        ),
        (
            "candidate = promote_silver.read_candidate(stage)",
            "candidate = promote_silver.read_candidate(stage).limit(7)",
            GateBlocked,
        ),
        (
            "outcome = validate.held_back(resolved, verdicts)",
            "outcome = stage.engine.materialise(validate.held_back(resolved, verdicts).limit(7))",
            StageError,
        ),
        (
            "checks = build_gold.completeness(hours, daily)",
            "daily = daily.filter(daily.volume < 0)\n"
            "checks = build_gold.completeness(hours, daily)",
            GateBlocked,
        ),
    ],
)
def test_a_cell_that_skips_a_gate_or_loses_a_row_stops_the_run(project, cell, edited, error):
    project.assets({"GOOD": {}})

    outcome = project.run(AS_OF, edits=[(cell, edited)])

    [stopped] = outcome.errors.values()
    assert isinstance(stopped, error)
    if "completeness" not in cell:
        assert not Lake(project.data).exists("silver.bars")


@pytest.mark.parametrize(
    ("stage", "gate"),
    [
        ("ingest", "stage.gate(checks)"),
        ("validate", "stage.gate([*checks, *validate.audit_candidate(stage)])"),
        ("build_gold", "stage.gate([*checks, *audited])"),
    ],
)
def test_a_gate_that_is_left_out_is_no_pass(project, stage, gate):
    project.assets({"GOOD": {}})

    outcome = project.run(AS_OF, edits=[(gate, "None")])

    assert isinstance(outcome.errors[stage], GateBlocked)
    assert f"{stage}: no gate has evaluated the suite" in str(outcome.errors[stage])
    assert not Lake(project.data).exists("gold.aggregates")


def test_a_fetch_that_does_not_say_what_was_due_is_stopped_and_names_that(project):
    project.assets({"GOOD": {}})

    outcome = project.run(AS_OF, edits=[("due_sessions=due, ", "")])

    assert isinstance(outcome.errors["ingest"], StageError)
    assert "stage 'ingest' does not hand on what it has to" in str(outcome.errors["ingest"])
    assert "expected: code_digest, due_sessions" in str(outcome.errors["ingest"])


@pytest.mark.thorough
def test_every_stage_of_a_run_reads_the_configuration_with_which_it_began(project):
    project.assets({"GOOD": {}})
    project.run(AS_OF, stages=["ingest"], run_id="run-001")
    project.rules("silver", limits={"min_rows": 1000})

    same_run = project.run(AS_OF, stages=["validate"], run_id="run-001")
    by_hand = project.run(AS_OF, stages=["validate"], by_hand=True)

    assert same_run.errors == {}
    assert "min_rows" in str(by_hand.errors["validate"])


def promoted_by_another_run(project, run_id="run-009"):
    """What stops a run that goes on where run-001 had certified its candidate."""
    history = RunHistory(project.data)
    for stage in ("ingest", "validate"):
        history.carry_over(stage, "run-001", run_id)
    outcome = project.run(AS_OF, stages=["promote_silver"], run_id=run_id)
    return outcome.errors.get("promote_silver")


def test_a_certificate_counts_in_another_run_while_nothing_has_changed(project):
    project.assets({"GOOD": {}})
    project.run(AS_OF, stages=["ingest", "validate"])

    assert promoted_by_another_run(project) is None
    assert Lake(project.data).exists("silver.bars")


def test_a_certificate_of_other_rules_publishes_nothing(project):
    project.assets({"GOOD": {}})
    project.run(AS_OF, stages=["ingest", "validate"])
    project.rules("silver", limits={"min_rows": 1000})

    stopped = promoted_by_another_run(project)

    assert isinstance(stopped, GateBlocked)
    assert "observed: changed since: rules of silver.yaml\n" in str(stopped)
    assert "next: python run_pipeline.py run" in str(stopped)
    assert not Lake(project.data).exists("silver.bars")


def test_a_certificate_of_other_terms_of_the_assets_publishes_nothing(project):
    project.assets({"GOOD": {}})
    project.run(AS_OF, stages=["ingest", "validate"])
    project.assets({"GOOD": {"gaps": "block"}})

    assert "changed since: terms of assets.yaml\n" in str(promoted_by_another_run(project))


@pytest.mark.thorough
@pytest.mark.parametrize("field", ["code_digest", "config_digest"])
def test_a_certificate_of_other_code_or_of_an_older_version_publishes_nothing(project, field):
    project.assets({"GOOD": {}})
    project.run(AS_OF, stages=["ingest", "validate"])
    path = project.data / "silver" / "certificate.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: ""}))

    assert isinstance(promoted_by_another_run(project), GateBlocked)
    assert not Lake(project.data).exists("silver.bars")


def test_a_stage_before_the_first_one_changes_nothing(project):
    project.assets({"GOOD": {}})
    pipeline = yaml.safe_load((project.config / "pipeline.yaml").read_text())
    before = {"name": "announce", "notebook": "50_monitor.ipynb"}
    pipeline["stages"].insert(0, before)
    (project.config / "pipeline.yaml").write_text(yaml.safe_dump(pipeline))
    others = ["ingest", "validate", "promote_silver"]

    opened = open_stage(
        "announce",
        run_id="run-001",
        as_of=AS_OF,
        config_dir=str(project.config),
        data_dir=str(project.data),
        threads=0,
    )
    opened.record()
    outcome = project.run(AS_OF, stages=others)

    assert list(opened.assets) == ["GOOD"]
    assert outcome.ledger("GOOD", "promote_silver").promoted > 0


@pytest.mark.thorough
def test_a_changed_choice_of_metrics_changes_what_is_published(project):
    project.assets({"GOOD": {}})

    project.run(AS_OF, edits=[("    gold_metrics.vwap_20d, gold_metrics.latest_volume,\n", "")])

    header = (project.data / "gold" / "aggregates.csv").read_text().splitlines()[0]
    assert header.endswith("volatility_20d_pct,max_drawdown_pct")


def test_a_changed_intermediate_frame_changes_what_is_published(project):
    project.assets({"GOOD": {}})
    made = "daily = stage.engine.materialise(daily_bars(bars))"
    doubled = "daily = daily_bars(bars)\ndaily = daily.mutate(close=daily.close * 0 + 42)"

    project.run(AS_OF, edits=[(made, doubled)])

    daily = read_table("gold.daily", data=project.data)
    assert set(daily["close"]) == {42.0}
    aggregates = read_table("gold.aggregates", data=project.data)
    assert aggregates["latest_close"].tolist() == [42.0]


@pytest.mark.thorough
def test_a_run_by_hand_reads_what_is_published_and_writes_to_the_sandbox(project):
    project.assets(HEALTHY)
    project.run("2024-02-01T00:00:00Z")
    published = {
        path: path.read_bytes()
        for path in project.data.rglob("*")
        if path.is_file() and "sandbox" not in path.parts
    }

    outcome = project.run(by_hand=True)

    assert outcome.errors == {}
    assert list(outcome.records) == [
        "ingest",
        "validate",
        "promote_silver",
        "build_gold",
        "monitor",
    ]
    assert {path: path.read_bytes() for path in published} == published
    assert [p for p in project.data.rglob("*") if p.is_file() and "sandbox" not in p.parts] == list(
        published
    )
    sandbox = Lake(project.data / "sandbox").read("silver.bars")
    assert len(sandbox) >= len(Lake(project.data).read("silver.bars"))
    assert pc.count_distinct(sandbox["symbol"]).as_py() == 2


def test_a_stage_by_hand_before_any_run_says_what_to_do_first(project):
    outcome = project.run(by_hand=True, stages=["build_gold"])

    assert isinstance(outcome.errors["build_gold"], StageError)
    assert "next: run the pipeline" in str(outcome.errors["build_gold"])


def test_a_table_that_is_not_there_says_what_to_do_first(project):
    with pytest.raises(StorageError, match=r"python run_pipeline\.py run"):
        read_table("gold.daily", data=project.data)


def test_a_cell_that_promotes_a_held_asset_is_refused(project):
    project.assets({"GOOD": {}, "BAD": NULLS})
    held = "outcome = validate.held_back(resolved, verdicts)"

    outcome = project.run(AS_OF, edits=[(held, "outcome = resolved")])

    assert "BAD, which no verdict lets pass" in str(outcome.errors["validate"])
    assert not Lake(project.data).exists("silver.bars")


@pytest.mark.thorough
def test_a_cell_that_promotes_what_silver_holds_is_refused(project):
    project.assets({"AAPL": {}}, source="files")
    path = project.inbox / "AAPL.csv"
    path.write_text("Date,Open,High,Low,Close,Volume\n2024-01-02,10,12,9,11,100\n")
    project.run("2024-01-06T00:00:00Z", input_path=str(path))
    held = "outcome = validate.held_back(resolved, verdicts)"
    again = (
        'outcome = resolved.mutate(outcome=ibis.literal("promoted"), change=ibis.literal("insert"))'
    )

    outcome = project.run(AS_OF, edits=[(held, f"import ibis\n{again}")], input_path=str(path))

    assert "rows that Silver holds as they are: 1" in str(outcome.errors["validate"])
    assert len(Lake(project.data).read("silver.bars")) == 1


def test_a_first_run_with_nothing_final_is_not_due_and_ends_well(project):
    project.assets({"AAPL": {}}, source="files")
    path = project.inbox / "AAPL.csv"
    path.write_text("Date,Open,High,Low,Close,Volume\n2024-03-01,10,12,9,11,100\n")
    project.assets({"AAPL": {"path": str(path)}}, source="files", start="2024-03-01")

    outcome = project.run("2024-03-01T12:00:00Z")

    assert outcome.errors == {}
    assert outcome.ledger("AAPL").status == "not_due"
    assert outcome.records["validate"].quarantine == {"not_final": 1}
    figures = (project.data / "gold" / "aggregates.csv").read_text()
    assert figures.startswith("symbol,sessions,")
    assert figures.count("\n") == 1
