"""Which stages of a run are executed and why, and which earlier record holds for the others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sentinel_lib import clock
from sentinel_lib.clock import iso
from sentinel_lib.errors import UsageError
from sentinel_lib.planning import plan as planning
from sentinel_lib.planning.plan import Plan, StagePlan
from sentinel_lib.reachable_code import ReachableCode
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.roles import INGEST, SILVER_CANDIDATE
from sentinel_lib.records.stage import StageOutcome, StageRecord
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.skipping import fingerprint, past
from sentinel_lib.storage.run_history import Fingerprint, RunHistory


class Selection:
    """Decides stage by stage, each when its turn comes: what ran before it may have changed tables.

    Raises ``UsageError`` if the run is to begin at a stage that has nothing to go on.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._request = plan.request
        self._names = [planned.stage.name for planned in plan.stages]
        self._history = RunHistory(plan.folders.data)
        self.past = past.attempts(self._history, self._names)
        self._clock = self._effective_clock()
        self._code = ReachableCode()
        self._fixed: dict[str, Fingerprint] = {}
        self._outdated: dict[str, Fingerprint] = {}
        self._reread: list[str] = []
        begin = plan.request.from_stage or plan.request.only_stage or self._names[0]
        self._first = self._names.index(begin)
        if plan.request.resumed:
            self._first = self._first_changed()
        self._last = self._names.index(plan.request.only_stage or self._names[-1])
        for name in self._names[: self._first]:
            self._require_record(name)

    def decide(self, planned: StagePlan, ran: Collection[str]) -> StageOutcome | list[str]:
        """The reasons why ``planned`` runs after the stages ``ran``; or, in its place, how it is
        shown that it does not.
        """
        name = planned.stage.name
        position = self._names.index(name)
        if position > self._last:
            return StageOutcome(name=name, status="skipped")
        self._of_stage(planned)  # now: what changes while it runs is for the next run
        if position < self._first:
            record = self._require_record(name)
            if self._changes(planned, record):
                self._outdated[name] = self._recorded(name)
        else:
            reasons = self._asked() or self.reasons(planned, ran)
            last = self._last_record(name)
            if reasons or last is None:
                return reasons
            record = last
        return StageOutcome(name=name, status="skipped", produced_by=record.run_id, record=record)

    def reasons(self, planned: StagePlan, ran: Collection[str] = ()) -> list[str]:
        """Why running ``planned`` again may change something; empty if it cannot."""
        attempt = self.past.get(planned.stage.name)
        if attempt is None:
            return ["it has not run yet"]
        if attempt.record is None:
            return [f"it {attempt.outcome.verdict} in run {attempt.produced_by}"]
        if any(ledger.status == "unreachable" for ledger in attempt.record.assets.values()):
            return [f"a source did not answer in run {attempt.produced_by}"]
        if not attempt.fingerprint:
            return [f"run {attempt.produced_by} left no fingerprint of it"]
        changes = fingerprint.difference(attempt.fingerprint, self._now(planned, attempt.record))
        if planned.stage.when == "always":
            changes += [f"stage {name} ran" for name in ran]
        return changes or self._reasons_of_publisher(planned)

    def fingerprints(self, outcomes: Sequence[StageOutcome]) -> dict[str, Fingerprint]:
        """The fingerprint of every stage that ended well, with the tables as the run leaves them.

        A run changes what its own earlier stages read: running again changes nothing, so that is no
        reason to. A stage that was passed over although something had changed keeps its old one.
        """
        planned = {step.stage.name: step for step in self._plan.stages}
        good = [outcome for outcome in outcomes if outcome.was_reached and outcome.is_good]
        current = {each.name: self._now(planned[each.name], each.record) for each in good}
        return {name: self._outdated.get(name, now) for name, now in current.items()}

    def _of_stage(self, planned: StagePlan) -> Fingerprint:
        name = planned.stage.name
        if name not in self._fixed:
            self._fixed[name] = fingerprint.of_stage(planned, self._plan, self._code, self._clock)
        return self._fixed[name]

    def _now(self, planned: StagePlan, record: StageRecord | None) -> Fingerprint:
        state = fingerprint.of_state(planned, self._plan.folders.data, record)
        return self._of_stage(planned) | state

    def _recorded(self, name: str) -> Fingerprint:
        """The fingerprint of a stage that is not to run. A resumed run had the same ``as_of``."""
        if self._request.resumed:
            recorded = self._history.fingerprints(self._request.resumed).get(name)
            return {**recorded, "clock": self._clock} if recorded else {}
        return self.past[name].fingerprint

    def _changes(self, planned: StagePlan, record: StageRecord) -> list[str]:
        """What a stage that is not to run would now read differently."""
        now = self._now(planned, record)
        return fingerprint.difference(self._recorded(planned.stage.name), now)

    def _first_changed(self) -> int:
        """Where to resume: where the run stopped, or at an earlier stage that would now read
        something else, whose certificate no longer counts.
        """
        for position, planned in enumerate(self._plan.stages[: self._first]):
            self._reread = self._changes(planned, self._require_record(planned.stage.name))
            if self._reread:
                return position
        return self._first

    def _asked(self) -> list[str]:
        request = self._request
        asked = {
            "--force": request.force,
            "resume": request.resumed,
            f"--from {request.from_stage}": request.from_stage and not request.resumed,
            f"--only {request.only_stage}": request.only_stage,
            "replay": request.kind == "replay",
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
            if SILVER_CANDIDATE in reader.stage.reads and self._last_record(reader.stage.name)
            for reason in self.reasons(reader)[:1]
        ]

    def _last_record(self, name: str) -> StageRecord | None:
        return self.past[name].record if name in self.past else None

    def _effective_clock(self) -> str:
        """``as_of``; as long as nothing new is due, that of the run that last asked the sources."""
        as_of = self._plan.as_of
        asked = self.past[INGEST].fingerprint.get("clock") if INGEST in self.past else None
        until = past.quiet_until(self.past.values())
        if asked and until and datetime.fromisoformat(asked) <= as_of < until:
            return asked
        return iso(as_of)

    def _require_record(self, name: str) -> StageRecord:
        """The last record of a stage before the first to run, or that in the run resumed."""
        resumed = self._request.resumed
        record = self._history.read_stage(resumed, name) if resumed else self._last_record(name)
        if record is None:
            begin = self._request.from_stage or self._request.only_stage
            raise UsageError(
                f"stage '{begin}' cannot follow '{name}', which has not succeeded",
                next_step="run without --from and --only",
            )
        return record


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
    produced_by = selection.past[stage].produced_by if stage in selection.past else ""
    return Outlook(stage, plan.as_of, reasons, produced_by, before)


def resumed(asked: RunRequest, data: Path, run_id: str) -> RunRequest:
    """The request of run ``run_id``, from the stage where it stopped, also if it was killed.

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
