"""Whether a stage would run if the pipeline did, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sentinel_lib import clock
from sentinel_lib.planning import plan as planning
from sentinel_lib.records.request import RunRequest
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.skipping.selection import Selection
from sentinel_lib.storage.run_history import RunHistory


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run at ``as_of`` would do with a stage, and why; no reasons: it would be skipped.

    ``produced_by`` is the run that last executed it, or nothing. ``before`` are the stages that
    would run before it, and may yet change what it reads.
    """

    stage: str
    as_of: datetime
    reasons: list[str]
    produced_by: str
    before: list[str]


def outlook(asked: RunRequest, stage: str) -> Outlook:
    """Whether ``stage`` would run if the pipeline ran; nothing is created.

    Without an ``as_of`` it is asked for that of the last run: what has changed but the time.
    """
    pipeline = load_pipeline(in_project(asked.config))
    planning.require_stage(stage, pipeline.stages, "--why")
    runs = RunHistory(in_project(asked.data or pipeline.data)).newest()
    as_of = asked.as_of or next((run.as_of for run in runs if run.kind == "run"), None)
    # nothing is run: it may lie as far ahead as it likes
    plan = planning.make(asked.model_copy(update={"as_of": as_of, "future": True}), clock.now())
    selection = Selection(plan)
    before: list[str] = []
    reasons: list[str] = []
    for planned in plan.stages:
        reasons = selection.reasons(planned, before)
        if planned.stage.name == stage:
            break
        before += [planned.stage.name] if reasons else []
    attempt = selection.last_attempt(stage)
    produced_by = attempt.produced_by if attempt else ""
    return Outlook(stage, plan.as_of, reasons, produced_by, before)
