"""A run: the stages in order, the verdict, the record, the reports."""

from __future__ import annotations

import time

from sentinel_lib import logger
from sentinel_lib.errors import ExitCode, most_severe
from sentinel_lib.logger import log
from sentinel_lib.pipeline import clock, interruption, reports, stage_run, verdict
from sentinel_lib.pipeline import plan as planning
from sentinel_lib.pipeline.clock import Clock, iso
from sentinel_lib.pipeline.options import FailOn, RunOptions
from sentinel_lib.pipeline.plan import Plan, StagePlan
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.records.stage import RunRecord, StageOutcome
from sentinel_lib.settings.environment import load_environment
from sentinel_lib.storage.lock import RunLock
from sentinel_lib.storage.run_history import RunHistory

REPORT_FILE = "index.html"


def run(options: RunOptions, progress: Progress, now: Clock = clock.now) -> RunRecord:
    """Run the pipeline once; the record says how it ended, and is kept whatever happened.

    Raises ``ConfigError`` or ``UsageError`` before anything is created, ``LockedError`` if another
    run is writing to the same data folder, and ``StorageError`` if the record cannot be kept.
    """
    environment = load_environment()
    data = planning.make(options, now()).folders.data
    lock = RunLock(data, now)
    with lock.hold(options.command, wait_seconds=options.wait_seconds, on_wait=progress.waiting):
        plan = planning.make(options, now())  # anew: another run may have published until now
        lock.sign(plan.run_id)
        logger.configure(plan.log_file, level=environment.log_level, terminal=options.verbose)
        return _run(plan, options, progress, now)


def _run(plan: Plan, options: RunOptions, progress: Progress, now: Clock) -> RunRecord:
    logger.bind(run_id=plan.run_id)
    log().info(
        "the run begins", as_of=iso(plan.as_of), command=options.command, force=options.force
    )
    try:
        progress.run_started(plan.run_id, plan.as_of, [one.stage.name for one in plan.stages])
        outcomes, stopped_by = _execute(plan, progress)
        record = _record(plan, options, outcomes, stopped_by, now)
        RunHistory(plan.folders.data).write_run(record)
        progress.reports_started()
        record = _with_reports(record, plan)
        log().info("the run ends", status=record.status, exit_code=record.exit_code)
        return record
    finally:
        logger.unbind("run_id")


def _execute(plan: Plan, progress: Progress) -> tuple[list[StageOutcome], ExitCode]:
    """What came of every stage, and 130 or 143 if somebody stopped the run (else 0)."""
    outcomes: list[StageOutcome] = []
    stopped_by = ExitCode.OK
    for planned in plan.stages:
        name = planned.stage.name
        if stopped_by or not _is_to_run(planned, outcomes):
            outcomes.append(StageOutcome(name=name, status="skipped"))
            progress.stage_finished(outcomes[-1])
            continue
        logger.bind(stage=name)
        progress.stage_started(name)
        started = time.monotonic()
        log().info("the stage begins")
        try:
            outcomes.append(stage_run.execute(planned, plan, progress))
        except KeyboardInterrupt as stop:
            stopped_by = interruption.exit_code(stop)
            seconds = round(time.monotonic() - started, 3)
            outcomes.append(interruption.outcome(name, seconds, stop))
        ended = outcomes[-1]
        say = log().error if ended.status in ("failed", "blocked") else log().info
        say("the stage ends", status=ended.status, seconds=ended.seconds, error=ended.error)
        progress.stage_finished(ended)
        logger.unbind("stage")
    return outcomes, stopped_by


def _is_to_run(planned: StagePlan, outcomes: list[StageOutcome]) -> bool:
    all_well = all(outcome.status in ("ok", "degraded") for outcome in outcomes)
    return all_well or planned.stage.when == "always"


def _record(
    plan: Plan,
    options: RunOptions,
    outcomes: list[StageOutcome],
    stopped_by: ExitCode,
    now: Clock,
) -> RunRecord:
    assets = verdict.asset_lines(outcomes, plan.symbols)
    fail_on: FailOn = options.fail_on
    found = [stopped_by] if stopped_by else verdict.conditions(outcomes, assets, fail_on)
    code = most_severe(found)
    return RunRecord(
        run_id=plan.run_id,
        kind=options.kind,
        as_of=plan.as_of,
        started_at_utc=plan.started_at,
        finished_at_utc=now(),
        status=verdict.run_status(code),
        exit_code=code,
        conditions=[condition.name.lower() for condition in found],
        command=options.command,
        stages=outcomes,
        assets=assets,
        report=str(plan.report_folder / REPORT_FILE),
    )


def _with_reports(record: RunRecord, plan: Plan) -> RunRecord:
    """``record`` after its reports were written; failing at that is one more condition."""
    try:
        reports.write(record, plan)
        return record
    except Exception:  # how the run ended must not be hidden by a page that could not be written
        log().error("the reports could not be written", exc_info=True)
    code = most_severe([ExitCode(record.exit_code), ExitCode.UNEXPECTED])
    amended = record.model_copy(
        update={
            "exit_code": code,
            "status": verdict.run_status(code),
            "conditions": [*record.conditions, "report_not_written"],
            "report": "",
        }
    )
    RunHistory(plan.folders.data).write_run(amended)
    return amended
