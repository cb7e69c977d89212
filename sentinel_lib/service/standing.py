"""How the schedule stands, as the records tell: for a service that starts, and for who looks in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sentinel_lib import settings
from sentinel_lib.service import health
from sentinel_lib.service.health import Answer, Board, LastRun
from sentinel_lib.service.timetable import Timetable
from sentinel_lib.settings.project import in_project
from sentinel_lib.storage.run_history import RunHistory


def before(history: RunHistory, now: datetime) -> tuple[LastRun | None, datetime]:
    """The last run of the pipeline, and up to when nothing is due any more.

    A run that was interrupted settles nothing; where there was none at all, nothing was missed.
    """
    runs = (run for run in history.newest() if run.kind == "run")
    last = next(runs, None)
    finished = last
    while finished is not None and finished.status == "interrupted":
        finished = next(runs, None)
    settled = min(finished.started_at_utc, now) if finished else now
    return LastRun.of(last) if last else None, settled


def from_records(config: Path, data: Path | None, now: datetime) -> Answer:
    """What ``/healthz`` would say, without asking the service: for another process.

    ``data`` as on the command line. Raises ``ConfigError`` and ``StorageError`` for what cannot
    be read.
    """
    file = settings.load_pipeline(in_project(config))
    history = RunHistory(in_project(data or file.data))
    last, settled = before(history, now)
    board = Board(last_run=last)
    if file.schedule is not None:
        due = next(Timetable(file.schedule).after(settled))
        board.next_run_at = None if _is_under_way(history, due) else due
    return health.answer(board, now)


def _is_under_way(history: RunHistory, due: datetime) -> bool:
    """Whether a run has begun since ``due`` that has not ended: ids begin with that moment."""
    newest = next(iter(history.run_ids()), "")
    return newest >= f"{due:%Y%m%dT%H%M%S}" and history.run_of(newest) is None
