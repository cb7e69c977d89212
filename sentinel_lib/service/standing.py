"""How things stand, as the records tell: for a service that starts, and for who looks in.

Nobody is asked, and no lock is taken.
"""

from __future__ import annotations

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
from sentinel_lib.service import health
from sentinel_lib.service.health import OVERDUE, Answer, Board, LastRun
from sentinel_lib.service.upkeep import damage
from sentinel_lib.settings.pipeline import PipelineFile, load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.storage import artifacts, root
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.lock import Owner, require_whole, writer
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.unended import all_runs

"""Under the data folder, from the first run of ``serve`` on: since then runs are expected."""


@dataclass(frozen=True, slots=True)
class Standing:
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
        """The same in one word; the first that is so."""
        if self.running:
            return "running"
        if self.killed:
            return "killed"
        if self.overdue_since:
            return "overdue"
        return self.last.status if self.last else "none"

    @property
    def exit_code(self) -> int:
        """1 where somebody has to look at what no run has said, else the last run's."""
        if self.killed or self.overdue_since:
            return ExitCode.UNEXPECTED
        return self.last.exit_code if self.last else ExitCode.OK

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` prints it. ``age_seconds`` is since the last run's end."""
        none = {"run_id": None, "status": "none", "exit_code": 0}
        return {
            **(summary.run_object(self.last) if self.last else none),
            "state": self.state,
            "age_seconds": self.last and _seconds(self.last.finished_at_utc, self.now),
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
            lines += [
                f"killed: run {self.killed.run_id}, which began {_ago(self.killed, self.now)}, "
                "left no end; every table is whole, but Silver may be ahead of Gold",
                f"  next: {resume_command(self.killed)}",
            ]
        if self.overdue_since:
            late = duration(_seconds(self.overdue_since, self.now))
            lines += [
                f"overdue: the run due at {iso(self.overdue_since)}, {late} ago, has not begun",
                "  next: see whether serve, or what else starts the runs, is there; then "
                "python run_pipeline.py run",
            ]
        if self.last is None:
            return "\n".join(lines or ["no runs yet: python run_pipeline.py run"])
        age = duration(_seconds(self.last.finished_at_utc, self.now))
        is_newest = not (self.running or self.killed)
        lines.append(f"the last run ended {age} ago" if is_newest else f"before that, {age} ago:")
        return "\n".join(lines) + f"\n\n{summary.run_text(self.last)}"


def of_records(config: Path, data: Path | None, now: datetime) -> Standing:
    """How things stand; ``data`` as on the command line.

    Raises ``ConfigError`` and ``StorageError`` for what cannot be read.
    """
    file = load_pipeline(in_project(config))
    folder = in_project(data or file.data)
    _require_readable(folder)
    running = writer(folder)
    newest = next((run for run in all_runs(folder) if run.status != "running"), None)
    last = next(RunHistory(folder).newest(), None)
    return Standing(
        now=now,
        last=last,
        killed=newest if newest and newest.status == "killed" and not running else None,
        running=running,
        overdue_since=_overdue_since(file, folder, running, now),
    )


def before(history: RunHistory, now: datetime) -> tuple[LastRun | None, datetime]:
    """The last run of the pipeline, and up to when nothing is due any more.

    A run that was interrupted or killed settles nothing; where there was none at all, nothing was
    missed.
    """
    runs = (run for run in all_runs(history.data) if run.kind == "run" and run.status != "running")
    last = next(runs, None)
    finished = last
    while finished is not None and finished.status in ("interrupted", "killed"):
        finished = next(runs, None)
    settled = min(finished.started_at_utc, now) if finished else now
    return LastRun.of(last) if last else None, settled


def from_records(config: Path, data: Path | None, now: datetime) -> Answer:
    """What ``/healthz`` would say, without asking the service: for another process.

    ``data`` as on the command line. Raises ``ConfigError`` and ``StorageError`` for what cannot
    be read.
    """
    file = load_pipeline(in_project(config))
    folder = in_project(data or file.data)
    _require_readable(folder)
    history = RunHistory(folder)
    last, _ = before(history, now)
    running = writer(folder)
    due = _next_due(file, folder, running, now)
    since = running.since_utc if running and due is None else None
    board = Board(last_run=last, next_run_at=due, running_since=since)
    return health.answer(board, now, damage(history))


def _require_readable(data: Path) -> None:
    root.require_current(data)
    require_whole(data)


def mark_served(data: Path, now: datetime) -> None:
    """Note that ``serve`` makes the runs of this folder."""
    if not (Layout(data).served).exists():
        artifacts.replace(Layout(data).served, f"{iso(now)}\n".encode())


def _overdue_since(
    file: PipelineFile, data: Path, running: Owner | None, now: datetime
) -> datetime | None:
    expected = file.schedule and file.schedule.expected
    if file.schedule is None or expected is False:
        return None
    if not (expected or (Layout(data).served).exists()):
        return None
    due = _next_due(file, data, running, now)
    return due if due is not None and now - due > OVERDUE else None


def _next_due(
    file: PipelineFile, data: Path, running: Owner | None, now: datetime
) -> datetime | None:
    """The next time that no run has settled; None while one is under way that will.

    Of a process on another machine nobody here knows whether it lives: it counts for what was due
    when it began, and no longer.
    """
    if file.schedule is None:
        return None
    _, settled = before(RunHistory(data), now)
    due = next(file.schedule.times_after(settled))
    is_known = running is not None and running.host == socket.gethostname()
    is_under_way = running is not None and (is_known or running.since_utc >= due)
    return None if is_under_way else due


def _seconds(since: datetime, now: datetime) -> int:
    return int((now - since).total_seconds())


def _ago(run: RunRecord, now: datetime) -> str:
    return f"{duration(_seconds(run.started_at_utc, now))} ago"
