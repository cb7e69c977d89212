"""Which stages a run executes, by what is recorded of the runs before. No kernel starts here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sentinel_lib.errors import UsageError
from sentinel_lib.planning import plan as planning
from sentinel_lib.planning.plan import Plan
from sentinel_lib.records.stage import RunRecord, StageOutcome, StageRecord
from sentinel_lib.skipping.selection import Selection, outlook
from tests import handed_on

AS_OF = datetime(2024, 1, 3, tzinfo=UTC)
NEXT_CLOSE = AS_OF + timedelta(days=1)
STAGES = ("ingest", "validate", "promote_silver", "monitor")
NOTHING = dict.fromkeys(STAGES, False)
LINEAGE = {
    "ingest": "reads: [sources, silver.bars], writes: [bronze.fetches]",
    "validate": "reads: [bronze.fetches, silver.bars], writes: [silver.candidate]",
    "promote_silver": "reads: [silver.candidate], writes: [silver.bars]",
    "monitor": "reads: [silver.bars]",
}


@pytest.fixture
def market(project: Any) -> Any:
    project.terms = LINEAGE
    project.stages(*STAGES)
    return project


def planned(project: Any, at: datetime = AS_OF, **options: Any) -> tuple[Plan, Selection]:
    given = project.request(as_of=at, **options)
    plan = planning.make(given, NEXT_CLOSE + timedelta(seconds=next(project.starts)))
    return plan, Selection(plan)


def end_run(project: Any, at: datetime = AS_OF, **said: dict[str, Any]) -> str:
    """A run that executed every stage; ``monitor`` knows when the next bar is due."""
    plan, selection = planned(project, at)
    outcomes = []
    for one in plan.stages:
        until = {"quiet_until": NEXT_CLOSE} if one.stage.name == "monitor" else {}
        details = handed_on.details(one.stage.name, **until)
        terms = {"status": "ok", "details": details, **said.get(one.stage.name, {})}
        record = StageRecord(run_id=plan.run_id, stage=one.stage.name, as_of=at, **terms)
        outcomes.append(StageOutcome(name=record.stage, status=record.status, record=record))
    end_with(project, plan, selection, outcomes)
    return plan.run_id


def end_with(project: Any, plan: Plan, selection: Selection, outcomes: list[Any]) -> None:
    for outcome in outcomes:
        project.history.write_stage(outcome.record)
    project.history.write_fingerprints(plan.run_id, selection.fingerprints(outcomes))
    project.history.write_run(
        RunRecord(
            run_id=plan.run_id,
            as_of=plan.as_of,
            started_at_utc=plan.as_of,
            finished_at_utc=plan.as_of,
            status="ok",
            exit_code=0,
            stages=outcomes,
        )
    )


def runs(project: Any, at: datetime = AS_OF, **options: Any) -> dict[str, bool]:
    """Which stages a run would execute, if none of them changed a table."""
    plan, selection = planned(project, at, **options)
    found: dict[str, bool] = {}
    for one in plan.stages:
        decision = selection.decide(one, [name for name, ran in found.items() if ran])
        found[one.stage.name] = not isinstance(decision, StageOutcome)
    return found


def test_first_run_executes_every_stage(market: Any) -> None:
    assert runs(market) == dict.fromkeys(STAGES, True)


def test_same_as_of_executes_nothing_and_names_the_run_that_did(market: Any) -> None:
    run_id = end_run(market)

    plan, selection = planned(market)
    [instead] = {selection.decide(one, []).produced_by for one in plan.stages}

    assert runs(market) == NOTHING
    assert instead == run_id


def test_later_as_of_executes_only_what_always_runs_until_a_bar_is_due(market: Any) -> None:
    end_run(market)

    before = runs(market, NEXT_CLOSE - timedelta(seconds=1))
    after = runs(market, NEXT_CLOSE)

    assert before == {**NOTHING, "monitor": True}
    assert after == dict.fromkeys(STAGES, True)


def test_later_as_of_executes_all_if_the_monitor_could_not_say_what_is_due(market: Any) -> None:
    end_run(market, monitor={"details": {}})

    assert runs(market, AS_OF + timedelta(hours=1)) == dict.fromkeys(STAGES, True)


@pytest.mark.parametrize("status", ["blocked", "failed"])
def test_stage_that_did_not_succeed_is_executed_again(market: Any, status: str) -> None:
    end_run(market, validate={"status": status})

    assert runs(market) == {**NOTHING, "validate": True, "monitor": True}


def test_degraded_stage_is_skipped_unless_a_source_did_not_answer(market: Any) -> None:
    end_run(market, ingest={"status": "degraded", "assets": {"AAPL": {"status": "blocked"}}})
    blocked = runs(market)
    end_run(market, ingest={"status": "degraded", "assets": {"AAPL": {"status": "unreachable"}}})
    unreachable = runs(market)

    assert blocked == NOTHING
    assert unreachable == {**NOTHING, "ingest": True, "monitor": True}


def test_edited_code_cell_executes_its_stage_and_edited_prose_does_not(market: Any) -> None:
    end_run(market)
    market.edit("ingest", "## Record", "## The record, in other words")
    prose = runs(market)
    market.edit("ingest", "import json", "import json  # noqa")

    assert prose == NOTHING
    assert runs(market) == {**NOTHING, "ingest": True, "monitor": True}


def test_edited_publisher_needs_a_new_candidate_and_so_the_stage_before(market: Any) -> None:
    end_run(market)
    market.edit("promote_silver", "import json", "import json  # noqa")

    assert runs(market) == {**NOTHING, "validate": True, "promote_silver": True, "monitor": True}


def test_table_that_another_has_changed_executes_the_stages_that_know_it(market: Any) -> None:
    market.commit("silver.bars", 0)
    end_run(market)
    market.commit("silver.bars", 1)

    assert runs(market) == dict.fromkeys(STAGES, True)


def test_table_that_the_run_itself_changed_executes_nothing(market: Any) -> None:
    plan, selection = planned(market)
    outcomes = []
    for version, one in enumerate(plan.stages):
        selection.decide(one, [])
        market.commit("silver.bars", version)  # as any of them might
        record = StageRecord(run_id=plan.run_id, stage=one.stage.name, as_of=AS_OF, status="ok")
        outcomes.append(StageOutcome(name=one.stage.name, status="ok", record=record))

    end_with(market, plan, selection, outcomes)

    assert runs(market) == NOTHING


def test_parameter_executes_the_stages_that_declare_it_but_threads_do_not(market: Any) -> None:
    end_run(market)

    assert runs(market, threads=1) == NOTHING
    assert runs(market, assets=("AAPL",)) == dict.fromkeys(STAGES, True)


def test_suite_executes_the_stage_whose_gate_it_is_and_its_comments_do_not(gated: Any) -> None:
    market = gated
    end_run(market)
    suite = market.folder / "config" / "expectations" / "silver.yaml"
    suite.write_text(f"# as agreed\n{suite.read_text()}")
    commented = runs(market)
    suite.write_text(suite.read_text().replace("column: close", "column: open"))

    assert commented == NOTHING
    assert runs(market) == {**NOTHING, "validate": True, "monitor": True}


def test_input_file_executes_the_stage_that_reads_the_sources(market: Any) -> None:
    inbox = market.folder / "inbox"
    inbox.mkdir()
    (inbox / "AAPL.csv").write_text("Date,Close\n2024-01-02,1\n")
    assets = f"start: 2024-01-01\nassets: {{AAPL: {{source: files, path: {inbox}}}}}\n"
    (market.folder / "config" / "assets.yaml").write_text(assets)
    end_run(market)
    same = runs(market)
    (inbox / "AAPL.csv").write_text("Date,Close\n2024-01-02,2\n")

    assert same == NOTHING
    assert runs(market) == {**NOTHING, "ingest": True, "monitor": True}


def test_artifact_that_is_gone_executes_the_stage_that_left_it(market: Any) -> None:
    left = market.folder / "data" / "gold" / "freshness.json"
    left.parent.mkdir()
    left.write_text("{}")
    end_run(market, monitor={"artifacts": {"freshness": "gold/freshness.json"}})
    left.unlink()

    assert runs(market) == {**NOTHING, "monitor": True}


def test_force_executes_everything(market: Any) -> None:
    end_run(market)

    assert runs(market, force=True) == dict.fromkeys(STAGES, True)


def test_from_and_only_execute_what_they_name_although_nothing_changed(market: Any) -> None:
    end_run(market)

    assert runs(market, from_stage="promote_silver") == {
        "ingest": False, "validate": False, "promote_silver": True, "monitor": True,
    }  # fmt: skip
    assert runs(market, only_stage="validate") == {**NOTHING, "validate": True}
    assert runs(market, only_stage="ingest") == {**NOTHING, "ingest": True}
    assert runs(market, only_stage="monitor") == {**NOTHING, "monitor": True}


def test_from_needs_the_stages_before_it_to_have_succeeded(market: Any) -> None:
    end_run(market, ingest={"status": "blocked"})

    with pytest.raises(UsageError, match="cannot follow 'ingest', which has not succeeded"):
        planned(market, from_stage="validate")


def tighten(project: Any) -> None:
    suite = project.folder / "config" / "expectations" / "silver.yaml"
    suite.write_text(suite.read_text().replace("column: close", "column: open"))


@pytest.fixture
def gated(market: Any) -> Any:
    """The market, with the suite of Silver before ``validate``."""
    market.terms = {**LINEAGE, "validate": f"{LINEAGE['validate']}, suite: silver"}
    market.stages(*STAGES)
    return market


def test_resumed_run_begins_where_the_other_one_stopped(gated: Any) -> None:
    failed = end_run(gated, promote_silver={"status": "failed"})

    found = runs(gated, resumed=failed, from_stage="promote_silver")

    assert found == {**NOTHING, "promote_silver": True, "monitor": True}


def test_resumed_run_begins_at_the_first_stage_that_would_read_something_else(gated: Any) -> None:
    failed = end_run(gated, promote_silver={"status": "failed"})
    tighten(gated)
    asked = gated.request(resumed=failed, from_stage="promote_silver")
    plan = planning.make(asked, NEXT_CLOSE)

    decisions = [Selection(plan).decide(one, []) for one in plan.stages]

    assert [isinstance(one, list) for one in decisions] == [False, True, True, True]
    assert "config expectations/silver.yaml changed" in decisions[1]


def test_resumed_run_takes_nothing_from_stages_of_which_it_is_not_known_what_they_read(
    gated: Any,
) -> None:
    failed = end_run(gated, promote_silver={"status": "failed"})
    gated.history.layout.fingerprints(failed).unlink()

    found = runs(gated, resumed=failed, from_stage="promote_silver")

    assert found == dict.fromkeys(STAGES, True)


def test_stage_that_was_passed_over_by_other_rules_runs_next_time(gated: Any) -> None:
    end_run(gated)
    tighten(gated)
    plan, selection = planned(gated, from_stage="promote_silver")
    outcomes = []
    for one in plan.stages:
        decision = selection.decide(one, [])
        record = StageRecord(run_id=plan.run_id, stage=one.stage.name, as_of=AS_OF, status="ok")
        is_skipped = isinstance(decision, StageOutcome)
        executed = StageOutcome(name=record.stage, status="ok", record=record)
        outcomes.append(decision if is_skipped else executed)

    end_with(gated, plan, selection, outcomes)

    assert runs(gated)["validate"]


def test_what_is_edited_while_its_stage_runs_is_for_the_next_run(market: Any) -> None:
    plan, selection = planned(market)
    outcomes = []
    for one in plan.stages:
        selection.decide(one, [])
        record = StageRecord(run_id=plan.run_id, stage=one.stage.name, as_of=AS_OF, status="ok")
        outcomes.append(StageOutcome(name=one.stage.name, status="ok", record=record))
    market.edit("ingest", "import json", "import json  # noqa")

    end_with(market, plan, selection, outcomes)

    assert runs(market)["ingest"]


def test_stage_that_is_none_is_an_error_with_the_nearest_name(market: Any) -> None:
    with pytest.raises(UsageError, match="did you mean 'validate'"):
        planned(market, from_stage="validat")


def test_outlook_says_what_changed(market: Any) -> None:
    run_id = end_run(market)
    market.edit("ingest", "import json", "import json  # noqa")

    found = outlook(market.request(), "ingest")
    other = outlook(market.request(), "validate")

    assert (found.reasons, found.produced_by) == (["notebook ingest.ipynb changed"], run_id)
    assert (other.reasons, other.before) == ([], ["ingest"])


def test_outlook_names_the_clock_only_where_it_is_asked_for_another_time(market: Any) -> None:
    end_run(market)

    for stage in STAGES:
        assert outlook(market.request(as_of=None), stage).reasons == []
    assert outlook(market.request(as_of=NEXT_CLOSE), "validate").reasons == [
        "clock changed from 2024-01-03T00:00:00Z to 2024-01-04T00:00:00Z"
    ]
    assert outlook(market.request(as_of=NEXT_CLOSE - timedelta(seconds=1)), "ingest").reasons == []


def test_outlook_on_a_stage_that_is_none_speaks_of_its_own_option(market: Any) -> None:
    with pytest.raises(
        UsageError, match=r"^--why names 'validat', which is not a stage; did you mean"
    ):
        outlook(market.request(), "validat")


def test_run_in_which_nothing_ran_does_not_hide_the_one_before(market: Any) -> None:
    end_run(market)
    plan, selection = planned(market)
    outcomes = [selection.decide(one, []) for one in plan.stages]
    market.history.write_run(
        RunRecord(
            run_id="99999999T000000Z-0000",
            as_of=AS_OF,
            started_at_utc=AS_OF,
            finished_at_utc=AS_OF,
            status="ok",
            exit_code=0,
            stages=outcomes,
        )
    )

    assert runs(market) == NOTHING
