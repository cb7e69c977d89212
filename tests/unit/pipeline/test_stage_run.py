from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sentinel_lib.notebook_runner.execution import Execution
from sentinel_lib.pipeline import stage_run
from sentinel_lib.planning import plan as planning
from sentinel_lib.planning.plan import Plan
from sentinel_lib.records.stage import StageRecord
from tests import handed_on

NOW = datetime(2024, 1, 3, 12, tzinfo=UTC)
ENDED = Execution("ok", 1.23456)


@pytest.fixture
def plan(project: Any) -> Plan:
    return planning.make(project.request(), NOW)


def record(plan: Plan, **said: Any) -> StageRecord:
    content = {"run_id": plan.run_id, "stage": "validate", "as_of": plan.as_of, "status": "ok"}
    details = handed_on.details(said.get("stage", "validate"))
    return StageRecord.model_validate({**content, "details": details, **said})


@pytest.mark.parametrize("status", ["ok", "degraded"])
def test_stage_that_ended_has_the_status_of_its_record(plan: Plan, status: str) -> None:
    outcome = stage_run.outcome_of("validate", plan, ENDED, record(plan, status=status))

    assert (outcome.status, outcome.error, outcome.seconds) == (status, "", 1.235)


@pytest.mark.parametrize(
    ("error_name", "status"),
    [("GateBlocked", "blocked"), ("SourceError", "failed"), ("ValueError", "failed")],
)
def test_stage_that_raised_failed_whatever_its_record_says(
    plan: Plan, error_name: str, status: str
) -> None:
    execution = Execution("failed", 1.0, 'In [4] under "Check"', error_name, "what happened")

    outcome = stage_run.outcome_of("validate", plan, execution, record(plan))

    assert (outcome.status, outcome.error_name) == (status, error_name)
    assert (outcome.cell, outcome.error) == ('In [4] under "Check"', "what happened")


def test_stage_without_a_record_failed(plan: Plan) -> None:
    outcome = stage_run.outcome_of("validate", plan, ENDED, None)

    assert (outcome.status, outcome.error_name) == ("failed", "StageError")
    assert "stage 'validate': stage record missing" in outcome.error


@pytest.mark.parametrize(
    "said",
    [{"run_id": "another"}, {"stage": "ingest"}, {"as_of": datetime(2024, 1, 2, tzinfo=UTC)}],
)
def test_stage_whose_record_is_about_something_else_failed(
    plan: Plan, said: dict[str, Any]
) -> None:
    outcome = stage_run.outcome_of("validate", plan, ENDED, record(plan, **said))

    assert outcome.status == "failed"
    assert "its record is of another run or stage" in outcome.error


@pytest.mark.parametrize(
    ("status", "error_name", "words"),
    [
        ("blocked", "GateBlocked", "no row survived"),
        ("failed", "StageError", "no row survived"),
        ("skipped", "StageError", "its record says that it was skipped"),
    ],
)
def test_record_that_does_not_say_well_is_believed_although_every_cell_passed(
    plan: Plan, status: str, error_name: str, words: str
) -> None:
    said = record(plan, status=status, error="no row survived")

    outcome = stage_run.outcome_of("validate", plan, ENDED, said)

    assert outcome.status == ("blocked" if status == "blocked" else "failed")
    assert outcome.error_name == error_name
    assert words in outcome.error


@pytest.mark.parametrize("status", ["ok", "degraded"])
def test_record_without_a_required_detail_fails_the_stage_and_names_it(
    plan: Plan, status: str
) -> None:
    certificate = {**handed_on.CERTIFICATE, "base_version": "newest"}
    details = handed_on.details("validate", certificate=certificate, start=None)

    outcome = stage_run.outcome_of(
        "validate", plan, ENDED, record(plan, status=status, details=details)
    )

    assert (outcome.status, outcome.error_name) == ("failed", "StageError")
    assert "observed: missing or malformed: certificate, start" in outcome.error
    assert "next: restore the last cell of its notebook" in outcome.error


def test_rows_that_nothing_accounts_for_fail_the_stage(plan: Plan) -> None:
    said = record(plan, assets={"AAPL": {"rows_in": 5, "promoted": 3, "quarantined": 1}})

    outcome = stage_run.outcome_of("validate", plan, ENDED, said)

    assert (outcome.status, outcome.error_name) == ("failed", "StageError")
    assert "observed: AAPL: 1" in outcome.error


def test_promotion_that_leaves_out_certified_rows_failed(plan: Plan, project: Any) -> None:
    certified = record(plan, assets={"AAPL": {"rows_in": 5, "promoted": 5}, "MSFT": {}})
    project.history.write_stage(certified)
    said = record(plan, stage="promote_silver", assets={"MSFT": {}})

    outcome = stage_run.outcome_of("promote_silver", plan, ENDED, said)

    assert (outcome.status, outcome.error_name) == ("failed", "StageError")
    assert "observed: AAPL: 0 rows" in outcome.error
    assert "expected: AAPL: 5 rows" in outcome.error
