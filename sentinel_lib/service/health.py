"""What ``/healthz`` says: whether runs happen when they are due, and end as they should."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sentinel_lib.clock import iso
from sentinel_lib.errors import ExitCode
from sentinel_lib.records.stage import RunRecord

OVERDUE = timedelta(minutes=2)
"""How much later than due a run may begin before that is a fault."""

Status = Literal["ok", "degraded", "stale", "interrupted", "failed", "killed", "overdue"]

_MILD: dict[int, tuple[Status, str]] = {
    ExitCode.OK: ("ok", ""),
    ExitCode.DEGRADED: ("degraded", "some assets were held back, the rest was promoted"),
    ExitCode.FRESHNESS: ("stale", "data is older than its limit"),
    ExitCode.INTERRUPTED: ("interrupted", "the last run was stopped by Ctrl-C"),
    ExitCode.TERMINATED: ("interrupted", "the last run was stopped by SIGTERM"),
}


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the last run ended, or that it was killed. One that left nothing has no ``run_id``."""

    run_id: str
    status: str
    exit_code: int
    finished_at: datetime

    @classmethod
    def of(cls, record: RunRecord) -> LastRun:
        """What is told of a recorded run: nothing that could hold a secret."""
        return cls(record.run_id, record.status, record.exit_code, record.finished_at_utc)


@dataclass(slots=True)
class Board:
    """Where the service stands, written by its thread and read by those that answer.

    ``next_run_at`` is the next time that no run has settled: in the past, it is overdue.
    """

    last_run: LastRun | None = None
    next_run_at: datetime | None = None
    running_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Status 503 is for who has to act."""

    http_status: int
    body: dict[str, Any]


def answer(board: Board, now: datetime, damage: str = "") -> Answer:
    """What is so at ``now``; ``damage`` is what the last inspection of the data found wrong."""
    last, due, running = board.last_run, board.next_run_at, board.running_since
    status, reason = ("failed", damage) if damage else _judged(last)
    if due is not None and running is None and now - due > OVERDUE:
        status, reason = "overdue", f"the run due at {iso(due)} has not begun"
    last_run = last and {
        "run_id": last.run_id or None,
        "status": last.status,
        "exit_code": None if last.status == "killed" else last.exit_code,
        "finished_at": iso(last.finished_at),
    }
    body = {
        "status": status,
        "reason": reason,
        "last_run": last_run,
        "next_run_at": due and iso(due),
        "running_since": running and iso(running),
    }
    return Answer(503 if status in ("failed", "killed", "overdue") else 200, body)


def _judged(last: LastRun | None) -> tuple[Status, str]:
    if last is None:
        return "ok", "no run yet"
    if last.status == "killed":
        return "killed", f"run {last.run_id} was killed: it left no end"
    if last.exit_code in _MILD:
        return _MILD[last.exit_code]
    if not last.run_id:
        return "failed", f"the last run left no record: exit code {last.exit_code}, see the log"
    return "failed", f"run {last.run_id} ended with exit code {last.exit_code}, see its report"
