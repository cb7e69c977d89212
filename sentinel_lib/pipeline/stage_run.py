"""One stage: its notebook executed, and what it said of itself held against how it ended."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import tenacity

from sentinel_lib.clock import iso
from sentinel_lib.errors import (
    ExitCode,
    SentinelError,
    SourceError,
    StageError,
    StorageError,
    counted,
    exit_code_of,
    listed,
)
from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.logger import log
from sentinel_lib.notebook_runner.execution import Execution, execute
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.planning.plan import Plan, StagePlan
from sentinel_lib.records.roles import PROMOTE_SILVER, VALIDATE
from sentinel_lib.records.stage import DETAILS, AssetLedger, StageOutcome, StageRecord, StageStatus
from sentinel_lib.settings.pipeline import StageSpec
from sentinel_lib.storage.run_history import RunHistory

LONGEST_PAUSE_SECONDS = 600.0


@dataclass(frozen=True)
class StageRunner:
    """Executes the notebooks of one run.

    ``scrub`` takes secrets out of what is kept. ``deadline`` is when all stages must have ended
    but those that always run, as ``time.monotonic`` counts.
    """

    plan: Plan
    progress: Progress
    kernels: KernelPool
    scrub: Callable[[str], str]
    deadline: float = math.inf

    def execute(self, planned: StagePlan) -> StageOutcome:
        """Run the notebook, again if its source fails; whatever goes wrong is in the outcome."""
        retrying = self._retrying(planned.stage)
        outcome: StageOutcome = retrying(self._attempt, planned)
        return outcome.model_copy(update={"attempts": retrying.statistics["attempt_number"]})

    def _retrying(self, stage: StageSpec) -> tenacity.Retrying:
        """The pause before another attempt doubles each time, with jitter: not in step with others.

        The last attempt's outcome is the stage's.
        """

        def announce(state: tenacity.RetryCallState) -> None:
            pause = state.next_action.sleep if state.next_action else 0.0
            log().warning("the source failed, and the stage runs again", seconds=round(pause, 1))
            self.progress.waiting(f"{stage.name}: its source failed; trying again in {pause:.0f} s")

        pause = stage.retry_wait_seconds
        in_time = tenacity.stop_before_delay(self.deadline - time.monotonic())
        return tenacity.Retrying(
            retry=tenacity.retry_if_result(_may_pass),
            stop=tenacity.stop_after_attempt(stage.retries + 1) | in_time,
            wait=tenacity.wait_exponential_jitter(
                multiplier=pause, max=LONGEST_PAUSE_SECONDS, jitter=pause
            ),
            before_sleep=announce,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )

    def _attempt(self, planned: StagePlan) -> StageOutcome:
        stage, plan = planned.stage, self.plan
        history = RunHistory(plan.folders.data)
        left = self.deadline - time.monotonic() if stage.when != "always" else math.inf
        try:
            if left <= 0:
                raise StageError(
                    f"stage '{stage.name}' was not begun: the run's deadline had passed",
                    expected="all stages within deadline_minutes of pipeline.yaml",
                    next_step="python run_pipeline.py resume, or allow more time",
                )
            history.forget_stage(plan.run_id, stage.name)
            execution = execute(
                planned.notebook,
                plan.report_folder / f"{stage.name}.ipynb",
                planned.parameters,
                kernels=self.kernels,
                timeout_seconds=min(stage.timeout_minutes * 60, left),
                on_cell=lambda cell: self.progress.cell_started(stage.name, cell),
                scrub=self.scrub,
                expects_next=planned is not plan.stages[-1],
            )
            record = history.read_stage(plan.run_id, stage.name)
            return outcome_of(stage.name, plan, execution, record)
        except Exception as failed:  # the other stages and the run's record must not be lost to it
            log().error("the stage could not be run", exc_info=True)
            return _could_not_run(stage.name, plan, failed)


def outcome_of(
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
    broken = partial(StageError, next_step="restore the last cell of its notebook")
    if record is None:
        return broken(
            f"stage '{name}': stage record missing",
            observed="every cell ended, and none wrote the record",
            expected=f"the last cell writes ops/runs/{plan.run_id}/{name}.json",
        )
    recorded = (record.run_id, record.stage, iso(record.as_of))
    expected = (plan.run_id, name, iso(plan.as_of))
    if recorded != expected:
        return broken(
            f"stage '{name}': its record is of another run or stage",
            observed=" / ".join(recorded),
            expected=" / ".join(expected),
        )
    if record.status == "skipped":
        return broken(
            f"stage '{name}': it ran, and its record says that it was skipped",
            expected="ok, degraded, blocked or failed",
        )
    if record.lacking:
        return broken(
            f"stage '{name}': its record lacks what the stage has to hand on",
            observed=f"missing or malformed: {', '.join(record.lacking)}",
            expected=f"the fields of {DETAILS[name].__name__}, in details",
        )
    unexplained = {
        symbol: ledger.unexplained
        for symbol, ledger in record.assets.items()
        if name == VALIDATE and ledger.status == "passed" and ledger.unexplained
    }
    if unexplained:
        return StageError(
            f"stage '{name}': rows are unaccounted for",
            observed=", ".join(f"{symbol}: {rows}" for symbol, rows in unexplained.items()),
            expected="rows in = promoted + quarantined + deduplicated, for every asset",
            next_step="see in its executed notebook which cell loses rows",
        )
    return _unpublished(plan, record) if name == PROMOTE_SILVER else None


def _unpublished(plan: Plan, record: StageRecord) -> StageError | None:
    """The error if the record does not say that every certified row was published."""
    validated = RunHistory(plan.folders.data).read_stage(plan.run_id, VALIDATE)
    missing = [
        (f"{symbol}: {counted(published, 'row')}", f"{symbol}: {counted(ledger.promoted, 'row')}")
        for symbol, ledger in (validated.assets.items() if validated else ())
        for published in [record.assets.get(symbol, AssetLedger()).promoted]
        if published != ledger.promoted
    ]
    if not missing:
        return None
    return StageError(
        f"stage '{PROMOTE_SILVER}': what was certified was not published",
        observed=listed(published for published, _ in missing),
        expected=listed(certified for _, certified in missing),
        next_step="see in its executed notebook which cell leaves rows out",
    )


def _may_pass(outcome: StageOutcome) -> bool:
    """Whether no source answered, and asking again may help; a gate's verdict stays."""
    is_of_source = outcome.error_name == SourceError.__name__
    return is_of_source and outcome.record is not None and outcome.record.is_transient


def _could_not_run(name: str, plan: Plan, failed: Exception) -> StageOutcome:
    error_name, error = type(failed).__name__, str(failed)
    if isinstance(failed, OSError):  # Papermill writes the executed notebook after every cell
        unwritten = StorageError(
            f"the executed notebook of stage '{name}' could not be written to "
            f"{plan.report_folder}: {failed.strerror or failed}",
            next_step="make room or fix the permissions of the reports folder, "
            "then run the same command again",
        )
        error_name, error = "StorageError", str(unwritten)
    elif not isinstance(failed, SentinelError):
        error = f"{error_name}: {failed}\n  next: see the traceback in {plan.log_file}"
    return StageOutcome(name=name, status="failed", error_name=error_name, error=error)
