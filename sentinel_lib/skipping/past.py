"""What the stages did before: the last attempt at each, and what it went by."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sentinel_lib.records.details import MonitorDetails
from sentinel_lib.records.stage import StageOutcome, StageRecord
from sentinel_lib.storage.run_history import Fingerprint, RunHistory

LOOK_BACK = 50
"""How many runs are looked at for the last attempt at a stage; one of longer ago is forgotten."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last time a stage ran, or was found to be unchanged. ``produced_by`` had executed it."""

    produced_by: str
    outcome: StageOutcome
    fingerprint: Fingerprint

    @property
    def record(self) -> StageRecord | None:
        """What the stage said, if it came to an end that others can go by."""
        return self.outcome.record if self.outcome.is_good else None


def attempts(history: RunHistory, stages: Collection[str]) -> dict[str, Attempt]:
    """The last attempt at each of ``stages``, but for those that a rollback has undone.

    Replays and rollbacks are about something else, and a run in which no stage was executed only
    repeats earlier records.
    """
    last: dict[str, Attempt] = {}
    undone = history.undone()
    runs = (run for run in history.newest() if run.kind == "run" and run.run_id not in undone)
    telling = (run for run in runs if any(stage.was_executed for stage in run.stages))
    for run in islice(telling, LOOK_BACK):
        new = {
            outcome.name: outcome
            for outcome in run.stages
            if outcome.was_reached and outcome.name in stages and outcome.name not in last
        }
        fingerprints = history.fingerprints(run.run_id) if new else {}
        for name, outcome in new.items():
            produced_by = outcome.produced_by or run.run_id
            last[name] = Attempt(produced_by, outcome, fingerprints.get(name, {}))
        if len(last) == len(stages):
            break
    return last


def quiet_until(attempts: Collection[Attempt]) -> datetime | None:
    """Until when no source owes anything new, as the last stage that knew has said."""
    records = [attempt.record for attempt in attempts if attempt.record]
    details = filter(None, (record.handed_on(MonitorDetails) for record in records))
    return next((monitored.quiet_until for monitored in details), None)
