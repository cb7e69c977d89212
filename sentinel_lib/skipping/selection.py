"""Which stages of a run are executed, and what stands for the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sentinel_lib.clock import iso
from sentinel_lib.errors import UsageError
from sentinel_lib.planning.plan import Plan, StagePlan
from sentinel_lib.reachable_code import ReachableCode
from sentinel_lib.records.roles import INGEST, SILVER_CANDIDATE
from sentinel_lib.records.stage import StageOutcome, StageRecord
from sentinel_lib.skipping import fingerprint, past
from sentinel_lib.skipping.past import Attempt
from sentinel_lib.storage.run_history import Fingerprint, RunHistory


@dataclass(frozen=True, slots=True)
class Decision:
    """``reasons`` why a stage runs; else ``instead``, how it is shown."""

    reasons: Sequence[str] = ()
    instead: StageOutcome | None = None


class Selection:
    """Decides stage by stage, each when its turn comes: what ran before it may have changed tables.

    Raises ``UsageError`` if the run is to begin at a stage that has nothing to go on.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._request = plan.request
        self._names = [planned.stage.name for planned in plan.stages]
        self._history = RunHistory(plan.folders.data)
        self._past = past.attempts(self._history, self._names)
        self._clock = self._effective_clock()
        self._code = ReachableCode()
        self._fixed: dict[str, Fingerprint] = {}
        self._outdated: dict[str, Fingerprint] = {}
        self._reread: list[str] = []
        self._first = self._index(plan.request.from_stage or plan.request.only_stage)
        if plan.request.resumed:
            self._first = self._first_changed()
        self._last = self._index(plan.request.only_stage or self._names[-1])
        for name in self._names[: self._first]:
            self._require_record(name)

    def decide(self, planned: StagePlan, ran: Collection[str]) -> Decision:
        """Whether ``planned`` is to run, after the stages ``ran``."""
        name = planned.stage.name
        position = self._names.index(name)
        if position > self._last:
            return Decision(instead=StageOutcome(name=name, status="skipped"))
        self._of_stage(planned)  # now: what changes while it runs is for the next run
        if position < self._first:
            record = self._require_record(name)
            if self._changes(planned, record):
                self._outdated[name] = self._recorded(name)
            return Decision(instead=_carried(record))
        reasons = self._asked() or self.reasons(planned, ran)
        attempt = self._past.get(name)
        if reasons or attempt is None or attempt.record is None:
            return Decision(reasons)
        return Decision(instead=_carried(attempt.record))

    def reasons(self, planned: StagePlan, ran: Collection[str] = ()) -> list[str]:
        """Why running ``planned`` again may change something; empty if it cannot."""
        attempt = self._past.get(planned.stage.name)
        if attempt is None:
            return ["it has not run yet"]
        if attempt.record is None:
            return [f"it {attempt.outcome.verdict} in run {attempt.produced_by}"]
        if not attempt.is_complete:
            return [f"a source did not answer in run {attempt.produced_by}"]
        if not attempt.fingerprint:
            return [f"what it went by in run {attempt.produced_by} is not known"]
        found = fingerprint.difference(attempt.fingerprint, self._now(planned, attempt.record))
        if planned.stage.when == "always":
            found += [f"stage {name} ran" for name in ran]
        return found or self._reasons_of_publisher(planned)

    def last_attempt(self, name: str) -> Attempt | None:
        """The last time that stage ``name`` ran, if it has."""
        return self._past.get(name)

    def fingerprints(self, outcomes: Sequence[StageOutcome]) -> dict[str, Fingerprint]:
        """What every stage that ended well went by, with the tables as the run leaves them.

        A run changes what its own earlier stages read: by the principle that running again
        changes nothing, that is no reason to. A stage that was passed over, although something
        had changed since it ran, still went by what it did then.
        """
        planned = {one.stage.name: one for one in self._plan.stages}
        return {
            outcome.name: self._outdated[outcome.name]
            if outcome.name in self._outdated
            else self._now(planned[outcome.name], outcome.record)
            for outcome in outcomes
            if outcome.was_reached and outcome.verdict in ("ok", "degraded")
        }

    def _of_stage(self, planned: StagePlan) -> Fingerprint:
        name = planned.stage.name
        if name not in self._fixed:
            self._fixed[name] = fingerprint.of_stage(planned, self._plan, self._code, self._clock)
        return self._fixed[name]

    def _now(self, planned: StagePlan, record: StageRecord | None) -> Fingerprint:
        state = fingerprint.of_state(planned, self._plan.folders.data, record)
        return self._of_stage(planned) | state

    def _recorded(self, name: str) -> Fingerprint:
        """What a stage that is not to run went by. A run that is resumed had the same ``as_of``."""
        if self._request.resumed:
            recorded = self._history.fingerprints(self._request.resumed).get(name)
            return {**recorded, "clock": self._clock} if recorded else {}
        return self._past[name].fingerprint

    def _changes(self, planned: StagePlan, record: StageRecord) -> list[str]:
        """What a stage that is not to run would now read differently."""
        recorded = self._recorded(planned.stage.name)
        return fingerprint.difference(recorded, self._now(planned, record))

    def _first_changed(self) -> int:
        """Where to resume: where the run stopped, or before that at the first stage that would now
        read something else. What that stage had certified counts no more.
        """
        for position, planned in enumerate(self._plan.stages[: self._first]):
            self._reread = self._changes(planned, self._require_record(planned.stage.name))
            if self._reread:
                return position
        return self._first

    def _asked(self) -> list[str]:
        asked = {
            "--force": self._request.force,
            "resume": self._request.resumed,
            f"--from {self._request.from_stage}": self._request.from_stage
            and not self._request.resumed,
            f"--only {self._request.only_stage}": self._request.only_stage,
            "replay": self._request.kind == "replay",
        }
        flags = [f"asked for by {flag}" for flag, is_given in asked.items() if is_given]
        return [*flags, *self._reread]

    def _reasons_of_publisher(self, planned: StagePlan) -> list[str]:
        """A candidate that has been published cannot be again: who writes it must run as well."""
        if SILVER_CANDIDATE not in planned.stage.writes:
            return []
        return [
            f"stage {reader.stage.name} needs a new candidate: {reason}"
            for reader in self._plan.stages
            if SILVER_CANDIDATE in reader.stage.reads and self._succeeded(reader.stage.name)
            for reason in self.reasons(reader)[:1]
        ]

    def _succeeded(self, name: str) -> bool:
        return name in self._past and self._past[name].record is not None

    def _effective_clock(self) -> str:
        """``as_of``, or as long as nothing new is due, the one that the sources were asked for."""
        now = self._plan.as_of
        ingest = self._past.get(INGEST)
        asked = ingest.fingerprint.get("clock") if ingest else None
        until = past.quiet_until(self._past.values())
        if asked and until and datetime.fromisoformat(asked) <= now < until:
            return asked
        return iso(now)

    def _index(self, name: str) -> int:
        return self._names.index(name) if name else 0

    def _require_record(self, name: str) -> StageRecord:
        """What a stage before the one to begin with said last, or in the run that is resumed."""
        if self._request.resumed:
            record = self._history.read_stage(self._request.resumed, name)
        else:
            attempt: Attempt | None = self._past.get(name)
            record = attempt.record if attempt else None
        if record is None:
            begin = self._request.from_stage or self._request.only_stage
            raise UsageError(
                f"stage '{begin}' cannot go on from '{name}', which has not succeeded",
                next_step="run without --from and --only",
            )
        return record


def _carried(record: StageRecord) -> StageOutcome:
    return StageOutcome(
        name=record.stage, status="skipped", produced_by=record.run_id, record=record
    )
