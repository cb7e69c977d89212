"""What the records tell, for a service that starts and for whoever asks for the status.

No process is asked, and no lock is taken.
"""

import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sentinel_lib.clock import iso
from sentinel_lib.errors import ExitCode
from sentinel_lib.messages import summary
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.reporting.wording import duration, resume_command
from sentinel_lib.service.health import (
    OVERDUE,
    HealthResponse,
    LastRun,
    ServiceState,
    damage,
    health_response,
)
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.schedule import Schedule
from sentinel_lib.storage import artifacts, root
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.lock import Owner, require_whole, writer
from sentinel_lib.storage.run_history import RunHistory


@dataclass(frozen=True, slots=True)
class Status:
    """What ``status`` says at ``now``: the last run that ended, and what speaks against it.

    ``killed`` is the newest run, if it was. ``running`` holds the lock. ``overdue_since`` is when
    the run was due that has not begun.
    """

    now: datetime
    last: RunRecord | None
    killed: RunRecord | None
    running: Owner | None
    overdue_since: datetime | None

    @property
    def state(self) -> str:
        """The same in one word; the first that applies."""
        if self.running:
            return "running"
        if self.killed:
            return "killed"
        if self.overdue_since:
            return "overdue"
        return self.last.status if self.last else "none"

    @property
    def exit_code(self) -> int:
        """1 where a person has to look at what no run has reported, else the last run's."""
        if self.killed or self.overdue_since:
            return ExitCode.UNEXPECTED
        return self.last.exit_code if self.last else ExitCode.OK

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` prints it. ``age_seconds`` is since the last run's end."""
        none = {"run_id": None, "status": "none", "exit_code": 0}
        return {
            **(summary.run_object(self.last) if self.last else none),
            "state": self.state,
            "age_seconds": self.last and int(self._seconds_since(self.last.finished_at_utc)),
            "killed": self.killed and self.killed.run_id,
            "running": self.running and self.running.model_dump(mode="json"),
            "overdue_since": self.overdue_since and iso(self.overdue_since),
        }

    def text(self) -> str:
        """For a person: what speaks against the last run first."""
        lines = []
        if self.running:
            lines.append(f"running: {self.running.words(self.now)}")
        if self.killed:
            began = duration(self._seconds_since(self.killed.started_at_utc))
            lines += [
                f"killed: run {self.killed.run_id}, which began {began} ago, has no "
                "end; every table is whole, but Silver may be ahead of Gold",
                f"  next: {resume_command(self.killed)}",
            ]
        if self.overdue_since:
            late = duration(self._seconds_since(self.overdue_since))
            lines += [
                f"overdue: the run due at {iso(self.overdue_since)}, {late} ago, has not begun",
                "  next: check that serve, or whatever else starts the runs, is running; then "
                "python run_pipeline.py run",
            ]
        if self.last is None:
            return "\n".join(lines or ["no runs yet: python run_pipeline.py run"])
        age = duration(self._seconds_since(self.last.finished_at_utc))
        is_newest = not (self.running or self.killed)
        lines.append(f"the last run ended {age} ago" if is_newest else f"before that, {age} ago:")
        return "\n".join([*lines, "", summary.run_text(self.last)])

    def _seconds_since(self, moment: datetime) -> float:
        return (self.now - moment).total_seconds()


def read_status(config: Path, data: Path | None, now: datetime) -> Status:
    """The status at ``now``; ``data`` as on the command line.

    Raises ``ConfigError`` and ``StorageError`` for what cannot be read.
    """
    schedule, folder = _opened(config, data)
    running = writer(folder)
    newest = next((run for run in RunHistory(folder).runs() if run.status != "running"), None)
    is_expected = schedule is not None and schedule.expected is not False
    if schedule and schedule.expected is None:
        is_expected = Layout(folder).served.exists()
    due = _next_due(schedule, folder, running, now) if is_expected else None
    return Status(
        now=now,
        last=next(RunHistory(folder).newest(), None),
        killed=newest if newest and newest.status == "killed" and not running else None,
        running=running,
        overdue_since=due if due is not None and now - due > OVERDUE else None,
    )


def read_health(config: Path, data: Path | None, now: datetime) -> HealthResponse:
    """What ``/healthz`` would say, without asking the service: for another process.

    ``data`` as on the command line. Raises ``ConfigError`` and ``StorageError`` for what cannot
    be read.
    """
    schedule, folder = _opened(config, data)
    history = RunHistory(folder)
    last, _ = last_run(history, now)
    running = writer(folder)
    due = _next_due(schedule, folder, running, now)
    since = running.since_utc if running and due is None else None
    return health_response(ServiceState(last, due, since), now, damage(history))


def last_run(history: RunHistory, now: datetime) -> tuple[LastRun | None, datetime]:
    """The last run of the pipeline, and up to when nothing is due any more.

    A run that was interrupted or killed settles nothing; where there was none at all, nothing was
    missed.
    """
    runs = (run for run in history.runs() if run.kind == "run" and run.status != "running")
    last = finished = next(runs, None)
    while finished is not None and finished.status in ("interrupted", "killed"):
        finished = next(runs, None)
    settled = min(finished.started_at_utc, now) if finished else now
    return LastRun.of(last) if last else None, settled


def mark_served(data: Path, now: datetime) -> None:
    """Note that ``serve`` makes the runs of this folder."""
    mark = Layout(data).served
    if not mark.exists():
        artifacts.replace(mark, f"{iso(now)}\n".encode())


def _opened(config: Path, data: Path | None) -> tuple[Schedule | None, Path]:
    """The schedule, and the data folder, which must be whole and of this release."""
    file = load_pipeline(in_project(config))
    folder = in_project(data or file.data)
    root.require_current(folder)
    require_whole(folder)
    return file.schedule, folder


def _next_due(
    schedule: Schedule | None, data: Path, running: Owner | None, now: datetime
) -> datetime | None:
    """The next time that no run has settled; None while one is under way that will.

    Whether a process on another machine still lives is not known: it counts for what was due when
    it began, and no longer.
    """
    if schedule is None:
        return None
    _, settled = last_run(RunHistory(data), now)
    due = next(schedule.times_after(settled))
    is_known = running is not None and running.host == socket.gethostname()
    is_under_way = running is not None and (is_known or running.since_utc >= due)
    return None if is_under_way else due
