"""One stage: its notebook executed, and what it said of itself held against how it ended."""

from __future__ import annotations

from sentinel_lib import notebook_runner
from sentinel_lib.errors import ExitCode, SentinelError, StageError, StorageError, exit_code_of
from sentinel_lib.logger import log
from sentinel_lib.notebook_runner import Execution
from sentinel_lib.pipeline.clock import iso
from sentinel_lib.pipeline.plan import Plan, StagePlan
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.records.stage import StageOutcome, StageRecord, StageStatus
from sentinel_lib.storage.run_history import RunHistory

RECONCILING = "validate"
"""The stage whose ledger must account for every row."""


def execute(planned: StagePlan, plan: Plan, progress: Progress) -> StageOutcome:
    """Run the notebook; whatever goes wrong is in the outcome."""
    stage = planned.stage
    history = RunHistory(plan.folders.data)
    try:
        history.forget_stage(plan.run_id, stage.name)
        execution = notebook_runner.execute(
            planned.notebook,
            plan.report_folder / f"{stage.name}.ipynb",
            planned.parameters,
            timeout_seconds=stage.timeout_minutes * 60,
            on_cell=lambda cell: progress.cell_started(stage.name, cell),
        )
        record = history.read_stage(plan.run_id, stage.name)
        return outcome(stage.name, plan, execution, record)
    except SentinelError as failed:
        log().error("the stage could not be run", exc_info=True)
        return _failed(stage.name, type(failed).__name__, str(failed))
    except OSError as failed:  # Papermill writes the executed notebook after every cell
        log().error("the stage could not be run", exc_info=True)
        unwritten = StorageError(
            f"the executed notebook of stage '{stage.name}' could not be written to "
            f"{plan.report_folder}: {failed.strerror or failed}",
            next_step="make room or fix the permissions of the reports folder, "
            "then run the same command again",
        )
        return _failed(stage.name, "StorageError", str(unwritten))
    except Exception as failed:  # the other stages and the record of the run must not be lost to it
        log().error("the stage could not be run", exc_info=True)
        words = f"{type(failed).__name__}: {failed}\n  next: see the traceback in {plan.log_file}"
        return _failed(stage.name, type(failed).__name__, words)


def outcome(
    name: str, plan: Plan, execution: Execution, record: StageRecord | None
) -> StageOutcome:
    """How the stage ended: a failed execution is a failure whatever its record says, and a
    finished one only counts with a record of this very run.
    """
    error_name, error = execution.error_name, execution.error
    status: StageStatus = "ok"
    if execution.status == "failed":
        status = "blocked" if exit_code_of(error_name) == ExitCode.GATE_BLOCKED else "failed"
    elif (broken := _broken_contract(name, plan, record)) is not None:
        status, error_name, error = "failed", "StageError", str(broken)
    elif record is not None:
        status = record.status
        if status in ("blocked", "failed"):
            error_name = "GateBlocked" if status == "blocked" else "StageError"
            error = record.error or f"stage '{name}' recorded that it {status}"
    return StageOutcome(
        name=name,
        status=status,
        seconds=round(execution.seconds, 3),
        cell=execution.cell,
        error_name=error_name,
        error=error,
        record=record,
    )


def _broken_contract(name: str, plan: Plan, record: StageRecord | None) -> StageError | None:
    if record is None:
        return StageError(
            f"stage '{name}': stage record missing",
            observed="every cell ended, and none wrote the record",
            expected=f"the last cell writes ops/runs/{plan.run_id}/{name}.json",
            next_step="restore the last cell of its notebook",
        )
    said = (record.run_id, record.stage, iso(record.as_of))
    meant = (plan.run_id, name, iso(plan.as_of))
    if said != meant:
        return StageError(
            f"stage '{name}': its record is about something else",
            observed=" / ".join(said),
            expected=" / ".join(meant),
        )
    if record.status == "skipped":
        return StageError(
            f"stage '{name}': its record says that it was skipped, and it ran",
            expected="ok, degraded, blocked or failed",
        )
    unexplained = {
        symbol: ledger.unexplained
        for symbol, ledger in record.assets.items()
        if name == RECONCILING and ledger.status == "passed" and ledger.unexplained
    }
    if unexplained:
        return StageError(
            f"stage '{name}': rows are unaccounted for",
            observed=", ".join(f"{symbol}: {rows}" for symbol, rows in unexplained.items()),
            expected="rows in = promoted + quarantined + deduplicated, for every asset",
        )
    return None


def _failed(name: str, error_name: str, error: str) -> StageOutcome:
    return StageOutcome(name=name, status="failed", error_name=error_name, error=error)
