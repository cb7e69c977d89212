"""The service: one process that runs the pipeline whenever the schedule says so."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

from sentinel_lib import clock
from sentinel_lib.clock import Clock
from sentinel_lib.errors import ConfigError, ExitCode, UsageError
from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.notebook_runner.project_kernels import project_kernels
from sentinel_lib.pipeline import interruption, run
from sentinel_lib.pipeline.interruption import Interruption
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.planning import plan
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.service import health, pause, standing
from sentinel_lib.service.health import Board
from sentinel_lib.service.health_server import answering
from sentinel_lib.service.journal import Journal
from sentinel_lib.service.pause import Wait
from sentinel_lib.service.rounds import Rounds
from sentinel_lib.service.upkeep import Upkeep, damage
from sentinel_lib.settings.document import read_document
from sentinel_lib.settings.pipeline import FILE_NAME, load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.schedule import EXAMPLE, Schedule
from sentinel_lib.storage.config_copy import exact_files
from sentinel_lib.storage.run_history import RunHistory


def serve(
    request: RunRequest,
    progress: Progress,
    now: Clock = clock.now,
    wait: Wait = pause.until_signal,
) -> ExitCode:
    """Run the pipeline on schedule until SIGTERM or Ctrl-C; for the main thread.

    Each run is as ``request`` says, as of its start. The exit code is 0, or 143 or 130 if a run was
    interrupted. Raises ``ConfigError`` if the configuration is wrong at the start, and
    ``StorageError`` if the records cannot be read; later, whatever ends a run ends only that.
    """
    config_file = in_project(request.config) / FILE_NAME
    file = load_pipeline(config_file.parent)
    schedule = file.schedule
    if schedule is None:
        raise _unscheduled(config_file)
    with interruption.listening(schedule.drain_seconds) as stop:
        _refuse_what_cannot_run(request, now)
        journal = Journal(in_project(file.logs), progress)
        data = in_project(request.data or file.data)
        history = RunHistory(data)
        last, settled = standing.before(history, now())
        board = Board(last_run=last)
        with (
            answering(
                schedule.health, lambda: health.answer(board, now(), damage(history)), config_file
            ) as address,
            project_kernels(fork=request.fork, on_fallback=run.log_fallback) as kernels,
        ):
            rounds = Rounds(
                schedule=schedule,
                make_run=_runs(request, data, progress, now, kernels, stop),
                look_after=Upkeep(config_file.parent, data, journal, stop, now, wait).look,
                board=board,
                journal=journal,
                stop=stop,
                now=now,
                wait=wait,
            )
            journal.note(_introduction(schedule, address), health=address)
            code = rounds.until_stopped(settled)
            journal.note("the service ends", exit_code=int(code))
    return code


def _unscheduled(config_file: Path) -> ConfigError:
    return read_document(config_file).error(
        ("schedule",),
        "this key is missing, and without it nothing says when to run",
        expected=f"schedule: {{cron: {EXAMPLE}, timezone: America/New_York}}",
        next_step="write it into the file; docs/scheduling.md says what there is",
    )


def _refuse_what_cannot_run(request: RunRequest, now: Clock) -> None:
    """Find what is wrong with the configuration now, not when the first run is due."""
    exact_files(in_project(request.config))
    try:
        plan.make(request, now())
    except UsageError:
        # tables as of a later time than now: the clock may have got there when a run is due
        return


def _runs(
    request: RunRequest,
    data: Path,
    progress: Progress,
    now: Clock,
    kernels: KernelPool,
    stop: Interruption,
) -> Callable[[], RunRecord]:
    def make() -> RunRecord:
        try:
            standing.mark_served(data, now())
            return run.run(request, progress, now, kernels, stop)
        finally:
            kernels.end_prestarted()
            gc.collect()  # the next run may be a day away: until then, what is left over stays

    return make


def _introduction(schedule: Schedule, address: str) -> str:
    where = f"; health: {address}" if address else ""
    return f"runs at '{schedule.cron}' {schedule.timezone}{where}"
