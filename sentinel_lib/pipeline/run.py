"""A run: the stages in order, the verdict, the record, the reports."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from sentinel_lib import clock, logger
from sentinel_lib.clock import Clock, iso
from sentinel_lib.errors import ExitCode, UsageError, most_severe
from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.logger import log
from sentinel_lib.monitoring.monitor import Monitor, watching
from sentinel_lib.notebook_runner.execution import prestart
from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
from sentinel_lib.pipeline import interruption, reports, verdict
from sentinel_lib.pipeline.interruption import Interruption
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.pipeline.stage_run import StageRunner
from sentinel_lib.planning import plan as planning
from sentinel_lib.planning.plan import Plan, StagePlan
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunRecord, StageOutcome
from sentinel_lib.settings.environment import load_environment
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.secrets import Scrubber
from sentinel_lib.skipping.selection import Selection
from sentinel_lib.storage.config_copy import config_copy
from sentinel_lib.storage.lock import RunLock
from sentinel_lib.storage.run_history import RunHistory


def run(
    request: RunRequest,
    progress: Progress,
    now: Clock = clock.now,
    kernels: KernelPool | None = None,
    stop: Interruption | None = None,
) -> RunRecord:
    """Run the pipeline once; the record says how it ended, and is kept whatever happened.

    ``kernels`` and ``stop`` are those of a resident process; without, the run has its own. Raises
    ``ConfigError`` or ``UsageError`` before anything is created, ``LockedError`` if another run is
    writing to the same data folder, and ``StorageError`` if the record cannot be kept.
    """
    environment = load_environment()
    scrubber = Scrubber(environment)
    with ExitStack() as held:
        stop = stop or held.enter_context(interruption.listening())
        monitor = held.enter_context(watching(environment))
        with stop.allowed():
            # what is wrong is said here: before it waits, and before anything is created
            data = planning.make(request, now()).folders.data
            lock = RunLock(data, now)
            wait = request.wait_seconds
            holding = lock.hold(request.command, wait_seconds=wait, on_wait=progress.waiting)
            held.enter_context(holding)
            copy = held.enter_context(config_copy(in_project(request.config).resolve(), data))
            plan = _plan_from(copy, request, now(), data)
            selection = Selection(plan)
        lock.sign(plan.run_id)
        logger.configure(
            plan.log_file,
            level=environment.log_level,
            terminal=request.verbose,
            scrub=scrubber.scrub_tree,
        )
        monitor.run_began(plan.run_id, plan.as_of, plan.symbols)
        logger.bind(run_id=plan.run_id)
        held.callback(logger.unbind, "run_id")
        return _Run(plan, selection, progress, stop, now, monitor, scrubber.scrub, kernels).made()


def _plan_from(copy: Path, request: RunRequest, started_at: datetime, data: Path) -> Plan:
    """The plan, made anew under the lock: another run may have published until then."""
    plan = planning.make(request, started_at, copy)
    if plan.folders.data != data:
        raise UsageError(
            "pipeline.yaml no longer names the data folder that it named when the run began",
            observed=str(plan.folders.data),
            expected=str(data),
            next_step="run the same command again",
        )
    return plan


def log_fallback(why: str) -> None:
    """Log that kernels are not forked, and why."""
    log().warning("ordinary kernels are used, which start slower", because=why)


@dataclass
class _Run:
    """One run on its way from the plan to the record."""

    plan: Plan
    selection: Selection
    progress: Progress
    stop: Interruption
    now: Clock
    monitor: Monitor
    scrub: Callable[[str], str]
    given_kernels: KernelPool | None
    outcomes: list[StageOutcome] = field(default_factory=list)
    opened: ExitStack = field(default_factory=ExitStack)
    crash: Exception | None = None

    def __post_init__(self) -> None:
        self.history = RunHistory(self.plan.folders.data)
        self.pages = reports.NotebookPages(self.plan)
        self.request = self.plan.request
        self.deadline = time.monotonic() + (self.plan.deadline_seconds or math.inf)

    @property
    def has_executed(self) -> bool:
        """Whether a stage has run; where none does, the run leaves its record alone."""
        return any(outcome.was_executed for outcome in self.outcomes)

    def made(self) -> RunRecord:
        """Run the stages, and keep what came of them."""
        plan = self.plan
        log().info("the run begins", as_of=iso(plan.as_of), command=self.request.command)
        names = [planned.stage.name for planned in plan.stages]
        self.progress.run_started(plan.run_id, plan.as_of, names)
        try:
            with self.opened:
                for planned in plan.stages:
                    self.outcomes.append(self._turn_of(planned))
                    self._keep_fingerprints()
                    self.progress.stage_finished(self.outcomes[-1])
                if not (self.stop.heard or self.request.only_stage):
                    self.outcomes = verdict.held_to_freshness(self.outcomes, plan.symbols)
        except Exception as crash:  # a fault of ours must not cost the record of what came before
            log().error("the run crashed", exc_info=True)
            self.crash = crash
            self.monitor.crashed(crash)
        record = self._recorded()
        self._keep_fingerprints()
        if self.has_executed:
            record = self._with_reports(record)
        self.monitor.run_ended(record)
        log().info("the run ends", status=record.status, exit_code=record.exit_code)
        if self.crash:
            raise self.crash
        return record

    def _turn_of(self, planned: StagePlan) -> StageOutcome:
        name = planned.stage.name
        is_well = all(outcome.is_good for outcome in self.outcomes)
        if self.stop.heard or not (is_well or planned.stage.when == "always"):
            return StageOutcome(name=name, status="skipped")
        ran = [outcome.name for outcome in self.outcomes if outcome.was_executed]
        decision = self.selection.decide(planned, ran)
        if isinstance(decision, StageOutcome):
            log().info("the stage is skipped", stage=name, by=decision.produced_by)
            return decision
        return self._executed(planned, decision)

    def _executed(self, planned: StagePlan, reasons: Sequence[str]) -> StageOutcome:
        name = planned.stage.name
        logger.bind(stage=name)
        started = time.monotonic()
        self.progress.stage_started(name)
        log().info("the stage begins", because=list(reasons[:10]))
        self._hand_over(planned)
        try:
            with self.stop.allowed():
                outcome = self.stages.execute(planned)
        except KeyboardInterrupt as stop:
            outcome = interruption.outcome(name, round(time.monotonic() - started, 3), stop)
        executed = self.plan.report_folder / f"{name}.ipynb"
        self.monitor.stage_ended(outcome, planned.notebook.name, executed)
        say = log().error if outcome.status in ("failed", "blocked") else log().info
        say("the stage ends", status=outcome.status, seconds=outcome.seconds, error=outcome.error)
        self.pages.add(name)
        logger.unbind("stage")
        return outcome

    def _keep_fingerprints(self) -> None:
        """After every stage, so that a run that is killed can be resumed by them."""
        if self.has_executed:
            known = self.selection.fingerprints(self.outcomes)
            self.history.write_fingerprints(self.plan.run_id, known)

    def _hand_over(self, planned: StagePlan) -> None:
        """Let the stage find the records of the stages that were skipped just before it."""
        if not self.has_executed:
            prestart(self.stages.kernels, has_gate=planned.stage.suite is not None)
            self.history.keep_config(self.plan.run_id, self.plan.config)
            self.history.write_request(self.plan.request)
        for outcome in takewhile(lambda earlier: not earlier.was_executed, reversed(self.outcomes)):
            if outcome.produced_by:
                self.history.carry_over(outcome.name, outcome.produced_by, self.plan.run_id)

    @cached_property
    def stages(self) -> StageRunner:
        """Made for the first stage that runs: where none does, no kernel is needed."""
        if not (self.request.fork or self.given_kernels):
            log_fallback("--no-fork was given")
        calendars = [asset.calendar for asset in self.plan.assets.values()]
        kernels = self.given_kernels or self.opened.enter_context(
            ProjectKernels(fork=self.request.fork, on_fallback=log_fallback, calendars=calendars)
        )
        return StageRunner(self.plan, self.progress, kernels, self.scrub, self.deadline)

    def _recorded(self) -> RunRecord:
        plan = self.plan
        assets = verdict.asset_outcomes(self.outcomes, plan.symbols)
        stopped_by = interruption.exit_code(self.stop.heard)
        is_cut_short = bool(self.crash or self.request.only_stage)
        fail_on = self.request.fail_on
        conditions = verdict.conditions(self.outcomes, assets, fail_on, is_cut_short=is_cut_short)
        conditions = [stopped_by] if stopped_by else conditions
        conditions += [ExitCode.UNEXPECTED] if self.crash else []
        code = most_severe(conditions)
        record = RunRecord(
            run_id=plan.run_id,
            kind=self.request.kind,
            resumed=self.request.resumed,
            as_of=plan.as_of,
            started_at_utc=plan.started_at,
            finished_at_utc=self.now(),
            status=verdict.run_status(code),
            exit_code=code,
            conditions=[condition.name.lower() for condition in conditions],
            command=self.request.command,
            stages=self.outcomes,
            assets=assets,
            report=self._report(),
        )
        self.history.write_run(record)
        return record

    def _report(self) -> str:
        """Where to read about the run; where nothing ran, the last run's report still holds."""
        if self.has_executed:
            return str(self.plan.report_folder / "index.html")
        return next((run.report for run in self.history.newest() if run.report), "")

    def _with_reports(self, record: RunRecord) -> RunRecord:
        """``record`` after its reports were written, with what went wrong then.

        A signal that comes while they are written still interrupts the run.
        """
        self.progress.reports_started()
        try:
            self.pages.finish(lambda: self.stop.heard is not None)
            reports.write(record, self.plan)
        except Exception:  # a page that could not be written must not hide how the run ended
            log().error("the reports could not be written", exc_info=True)
            record = self._amended(record, ExitCode.UNEXPECTED, "report_not_written", report="")
        stopped_by = interruption.exit_code(self.stop.heard)
        if stopped_by and stopped_by != record.exit_code:
            record = self._amended(record, stopped_by, stopped_by.name.lower())
        return record

    def _amended(self, record: RunRecord, code: ExitCode, why: str, **changed: str) -> RunRecord:
        code = most_severe([ExitCode(record.exit_code), code])
        conditions = [*record.conditions, why]
        state = {"exit_code": code, "status": verdict.run_status(code), "conditions": conditions}
        amended = record.model_copy(update={**state, **changed})
        self.history.write_run(amended)
        return amended
