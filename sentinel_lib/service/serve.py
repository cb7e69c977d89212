"""The service: one process that runs the pipeline whenever the schedule says so."""

import gc
from contextlib import suppress
from functools import partial
from pathlib import Path

from sentinel_lib import clock
from sentinel_lib.clock import Clock
from sentinel_lib.errors import ConfigError, ExitCode, UsageError
from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
from sentinel_lib.pipeline import interruption, run
from sentinel_lib.pipeline.interruption import Interruption
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.planning import plan
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.service import status
from sentinel_lib.service.health import ServiceState, damage, health_response
from sentinel_lib.service.health_server import answering
from sentinel_lib.service.schedule_loop import ScheduleLoop, Wait, until_signal
from sentinel_lib.service.service_log import ServiceLog
from sentinel_lib.service.weekly_inspection import WeeklyInspection
from sentinel_lib.settings.document import read_document
from sentinel_lib.settings.pipeline import FILE_NAME, load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.schedule import EXAMPLE
from sentinel_lib.storage.config_copy import exact_files
from sentinel_lib.storage.run_history import RunHistory


def serve(
    request: RunRequest, progress: Progress, now: Clock = clock.now, wait: Wait = until_signal
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
        calendars = _calendars_of_what_can_run(request, now)
        service_log = ServiceLog(in_project(file.logs), progress)
        data = in_project(request.data or file.data)
        history = RunHistory(data)
        last, settled = status.last_run(history, now())
        state = ServiceState(last_run=last)
        inspection = WeeklyInspection(config_file.parent, data, service_log, stop, now, wait)
        with (
            answering(
                schedule.health, lambda: health_response(state, now(), damage(history)), config_file
            ) as address,
            ProjectKernels(
                fork=request.fork, on_fallback=run.log_fallback, calendars=calendars
            ) as kernels,
        ):
            make_run = partial(_make_run, request, data, progress, now, kernels, stop)
            meanwhile = inspection.make_if_due
            loop = ScheduleLoop(schedule, make_run, meanwhile, state, service_log, stop, now, wait)
            begins = f"runs at '{schedule.cron}' {schedule.timezone}"
            service_log.note(begins + (f"; health: {address}" if address else ""), health=address)
            code = loop.until_stopped(settled)
            service_log.note("the service ends", exit_code=int(code))
    return code


def _unscheduled(config_file: Path) -> ConfigError:
    return read_document(config_file).error(
        ("schedule",),
        "this key is missing, and without it nothing says when to run",
        expected=f"schedule: {{cron: {EXAMPLE}, timezone: America/New_York}}",
        next_step="write it into the file; docs/scheduling.md says what there is",
    )


def _calendars_of_what_can_run(request: RunRequest, now: Clock) -> list[str]:
    """Find what is wrong with the configuration now, not when the first run is due."""
    exact_files(in_project(request.config))
    with suppress(UsageError):  # tables as of a later time than now: by then it may have passed
        return [asset.calendar for asset in plan.make(request, now()).assets.values()]
    return []


def _make_run(
    request: RunRequest,
    data: Path,
    progress: Progress,
    now: Clock,
    kernels: ProjectKernels,
    stop: Interruption,
) -> RunRecord:
    try:
        status.mark_served(data, now())
        kernels.renew()
        return run.run(request, progress, now, kernels, stop)
    finally:
        kernels.end_prestarted()
        gc.collect()  # the next run may be a day away: until then, what is left over stays
