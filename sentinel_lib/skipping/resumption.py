"""Resuming a run that failed: its request, from the stage at which it stopped."""

from __future__ import annotations

from pathlib import Path

from sentinel_lib.clock import iso
from sentinel_lib.errors import UsageError
from sentinel_lib.records.request import RunRequest
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.storage.run_history import RunHistory


def resumed(asked: RunRequest, data: Path, run_id: str) -> RunRequest:
    """The request of run ``run_id``, from where it stopped, also if it was killed.

    ``asked`` is the command that resumes it. Raises ``UsageError`` if the run came to its end, was
    undone, or did not keep its request.
    """
    history = RunHistory(data)
    if run_id in history.undone():
        raise UsageError(
            f"run {run_id} has been undone by a rollback: what it fetched does not count",
            next_step="python run_pipeline.py run",
        )
    names = [stage.name for stage in load_pipeline(in_project(asked.config)).stages]
    record = history.run_of(run_id)
    if record is not None:
        ended_well = {one.name for one in record.stages if one.verdict in ("ok", "degraded")}
    else:
        said = {name: history.read_stage(run_id, name) for name in names}
        ended_well = {
            name for name, one in said.items() if one and one.status in ("ok", "degraded")
        }
    left = [name for name in names if name not in ended_well]
    if record is not None and not left:
        raise UsageError(
            f"run {run_id} ended {record.status}: there is nothing to go on with",
            next_step=f"python run_pipeline.py run --as-of {iso(record.as_of)} --force runs it all",
        )
    request = history.request_of(run_id)
    if request is None:
        raise UsageError(
            f"run {run_id} did not keep what was asked of it",
            next_step="python run_pipeline.py run",
        )
    return request.again(asked, left[0] if left else names[-1])
