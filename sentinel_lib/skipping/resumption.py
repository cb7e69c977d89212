"""Going on with a run that failed: where it stopped, and what was asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinel_lib.clock import iso
from sentinel_lib.errors import UsageError
from sentinel_lib.records.stage import RunRequest
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.storage.run_history import RunHistory


@dataclass(frozen=True, slots=True)
class Resumption:
    """A run to go on with: what was asked of it, and the first stage that did not succeed."""

    request: RunRequest
    stage: str

    def asked(self) -> dict[str, Any]:
        """The same, as ``RunOptions`` take it."""
        request = self.request
        return {
            "as_of": request.as_of,
            "future": True,  # it was asked for then
            "assets": request.assets,
            "kind": request.kind,
            "source": request.source or None,
            "input_path": Path(request.input_path) if request.input_path else None,
            "threads": request.threads,
            "fail_on": request.fail_on,
            "from_stage": self.stage,
            "resumed": request.run_id,
        }


def find(config: Path, data: Path, run_id: str) -> Resumption:
    """Where run ``run_id`` stopped, also if it was killed and has no record.

    Raises ``UsageError`` if it came to its end, or if what was asked of it is not known.
    """
    history = RunHistory(data)
    if run_id in history.undone():
        raise UsageError(
            f"run {run_id} has been undone by a rollback: what it fetched does not count",
            next_step="python run_pipeline.py run",
        )
    names = [stage.name for stage in load_pipeline(config).stages]
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
    return Resumption(request, left[0] if left else names[-1])
