"""What failed, and what to do about it."""

from __future__ import annotations

import pytest

from sentinel_lib.errors import ConfigError
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.reporting.failure import DEFAULT_COMMAND, Cause, cause_of, failure_of


def test_an_error_that_became_text_is_taken_apart_again() -> None:
    error = ConfigError(
        "config/assets.yaml:3 is wrong\nin two ways",
        observed="calender",
        expected="calendar",
        next_step="correct line 3\nand run again",
    )

    cause = cause_of(str(error))

    assert cause == Cause(
        message="config/assets.yaml:3 is wrong\nin two ways",
        observed="calender",
        expected="calendar",
        next_step="correct line 3\nand run again",
    )


def test_a_text_that_is_no_error_of_ours_is_the_message() -> None:
    assert cause_of("'close'") == Cause("'close'")


def test_silence_is_said_to_be_silence() -> None:
    assert cause_of("").message == "The stage ended without saying why."


def test_a_run_that_did_not_fail_has_no_failure(ok_run: RunRecord, degraded_run: RunRecord) -> None:
    assert failure_of(ok_run) is None
    assert failure_of(degraded_run) is None


def test_the_first_stage_that_stopped_is_to_blame(
    blocked_run: RunRecord, crashed_run: RunRecord
) -> None:
    run = blocked_run.model_copy(update={"stages": blocked_run.stages + crashed_run.stages})

    failure = failure_of(run)

    assert failure is not None
    assert failure.stage is not None
    assert failure.stage.name == "validate"
    assert failure.also_failed == ["ingest"]
    assert [row.line for row in failure.rows.rows] == [11, 12, 13, 14, 15]
    assert failure.rows.left_out == 2


def test_a_next_step_that_is_a_command_is_the_command(blocked_run: RunRecord) -> None:
    stage = blocked_run.stages[1].model_copy(
        update={"error": "Damaged.\n  next: python run_pipeline.py verify --repair"}
    )
    command = "python run_pipeline.py run --data 'a b'"

    failure = failure_of(blocked_run.model_copy(update={"stages": [stage], "command": command}))

    assert failure is not None
    assert failure.command == "python run_pipeline.py verify --data 'a b' --repair"
    assert failure.cause == Cause("Damaged.")


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (["interrupted", "1 stage never ran"], "interrupted; 1 stage never ran"),
        ([], "The run ended before any stage reported a failure."),
    ],
)
def test_a_failed_run_without_a_failed_stage_says_what_is_known(
    crashed_run: RunRecord, conditions: list[str], message: str
) -> None:
    run = crashed_run.model_copy(update={"stages": [], "conditions": conditions})

    failure = failure_of(run)

    assert failure is not None
    assert failure.stage is None
    assert failure.cause.message == message
    assert failure.command == DEFAULT_COMMAND
