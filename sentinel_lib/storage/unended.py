"""Runs without an end: one that goes on, and those that were killed. Who asks takes no lock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sentinel_lib.errors import ExitCode
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.storage.lock import writer
from sentinel_lib.storage.run_history import RunHistory


def unended_runs(data: Path) -> Iterator[RunRecord]:
    """A record for each run that has none, the newest first: ``killed``, or ``running`` if its
    process lives. It ends with the last sign of it, and says nothing of assets.
    """
    history = RunHistory(data)
    waiting = [run_id for run_id in history.run_ids() if not history.has_ended(run_id)]
    owner = writer(data)  # after the list: what begins between the two is not in it
    for run_id in waiting:
        if history.has_ended(run_id):
            continue
        request = history.request_of(run_id)
        files = [path.stat().st_mtime for path in history.layout.run(run_id).glob("*")]
        last_sign = datetime.fromtimestamp(max(files, default=0.0), UTC)
        began = _began(run_id) or last_sign
        is_running = owner is not None and owner.run_id == run_id
        yield RunRecord(
            run_id=run_id,
            kind=request.kind if request else "run",
            as_of=(request and request.as_of) or began,
            started_at_utc=began,
            finished_at_utc=max(began, last_sign),
            status="running" if is_running else "killed",
            exit_code=ExitCode.OK if is_running else ExitCode.UNEXPECTED,
            command=request.command if request else "",
        )


def all_runs(data: Path) -> Iterator[RunRecord]:
    """Every run, ended or not, the newest first, each read when it is asked for."""
    unended = {run.run_id: run for run in unended_runs(data)}
    history = RunHistory(data)
    for run_id in history.run_ids():
        run = unended.get(run_id) or history.run_of(run_id)
        if run is not None:
            yield run


def _began(run_id: str) -> datetime | None:
    """When a run began, which its id says to the second; None for an id that is not ours."""
    try:
        return datetime.strptime(run_id[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
