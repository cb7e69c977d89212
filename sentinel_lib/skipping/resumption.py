"""Resuming a run that failed: its request, from the stage at which it stopped."""

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
            f"run {run_id} was undone by a rollback: nothing of it counts any more",
            next_step="python run_pipeline.py run",
        )
    names = [stage.name for stage in load_pipeline(in_project(asked.config)).stages]
    record = history.run_of(run_id)
    if record is not None:
        good = {outcome.name for outcome in record.stages if outcome.is_good}
    else:
        records = [history.read_stage(run_id, name) for name in names]
        good = {stage.stage for stage in records if stage and stage.status in ("ok", "degraded")}
    left = [name for name in names if name not in good]
    if record is not None and not left:
        raise UsageError(
            f"run {run_id} ended {record.status}: there is nothing to resume",
            next_step=f"python run_pipeline.py run --as-of {iso(record.as_of)} --force runs it all",
        )
    request = history.request_of(run_id)
    if request is None:
        raise UsageError(
            f"run {run_id} kept no request to ask again", next_step="python run_pipeline.py run"
        )
    return request.again(asked, left[0] if left else names[-1])
