"""What the stages did before: the last attempt at each, and what it went by."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sentinel_lib.records.details import MonitorDetails
from sentinel_lib.records.stage import RunRecord, StageOutcome, StageRecord
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

    @property
    def is_complete(self) -> bool:
        """Whether every source answered. One that did not is asked again."""
        ledgers = self.record.assets.values() if self.record else ()
        return self.record is not None and all(ledger.status != "unreachable" for ledger in ledgers)


def attempts(history: RunHistory, stages: Collection[str]) -> dict[str, Attempt]:
    """The last attempt at each of ``stages``, but for those that a rollback has undone.

    Replays and rollbacks are about something else.
    """
    last: dict[str, Attempt] = {}
    for run in islice(_telling(history), LOOK_BACK):
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
    for attempt in attempts:
        details = attempt.record.handed_on(MonitorDetails) if attempt.record else None
        if details is not None:
            return details.quiet_until
    return None


def _telling(history: RunHistory) -> Iterator[RunRecord]:
    """The runs in which a stage was executed; the others only repeat earlier records."""
    undone = history.undone()
    for run in history.newest():
        if (
            run.kind == "run"
            and run.run_id not in undone
            and any(stage.was_executed for stage in run.stages)
        ):
            yield run
