"""What ``/healthz`` says: whether runs happen when they are due, and end as they should."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sentinel_lib.clock import iso
from sentinel_lib.errors import ExitCode, StorageError
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.reporting.wording import meaning
from sentinel_lib.storage.run_history import RunHistory

OVERDUE = timedelta(minutes=2)
"""How much later than due a run may begin before that is a fault."""

VERIFY = "python run_pipeline.py verify --quick"

_NO_FAULT: dict[int, str] = {
    ExitCode.OK: "ok",
    ExitCode.DEGRADED: "degraded",
    ExitCode.FRESHNESS: "stale",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "interrupted",
}
"""How a run may end without a need to act."""


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
class ServiceState:
    """How the service is doing, written by its thread and read by those that answer.

    ``next_run_at`` is the next time that no run has settled: one in the past is overdue.
    """

    last_run: LastRun | None = None
    next_run_at: datetime | None = None
    running_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class HealthResponse:
    """The answer to a health check. Status 503: a person has to act."""

    http_status: int
    body: dict[str, Any]


def health_response(state: ServiceState, now: datetime, damage: str = "") -> HealthResponse:
    """The response at ``now``; ``damage`` is what the last inspection of the data found wrong."""
    last, due, running = state.last_run, state.next_run_at, state.running_since
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
    return HealthResponse(503 if status in ("failed", "killed", "overdue") else 200, body)


def _judged(last: LastRun | None) -> tuple[str, str]:
    """The status of the last run, and the reason where it is not ``ok``."""
    if last is None:
        return "ok", "no run yet"
    if last.status == "killed":
        return "killed", f"run {last.run_id} was killed: it has no end"
    code = last.exit_code
    if code in _NO_FAULT:
        return _NO_FAULT[code], meaning(code) if code else ""
    if not last.run_id:
        return "failed", f"the last run left no record: exit code {code}, see the log"
    return "failed", f"run {last.run_id} ended with exit code {code}, see its report"


def damage(history: RunHistory) -> str:
    """What the last inspection of the data has found wrong, in a sentence; empty if nothing is."""
    try:
        last = history.inspection()
    except StorageError as unreadable:
        return str(unreadable)
    if last is None or not last.problems:
        return ""
    more = f" (and {len(last.problems) - 1} more)" if len(last.problems) > 1 else ""
    return f"{last.problems[0].splitlines()[0]}{more}; see {VERIFY}"
