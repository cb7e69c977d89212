"""The stage record: the one JSON in which a notebook and the pipeline meet."""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from sentinel_lib.records.details import (
    Details,
    Freshness,
    GoldDetails,
    IngestDetails,
    MonitorDetails,
    PromoteDetails,
    StageDetails,
    ValidateDetails,
)
from sentinel_lib.records.roles import BUILD_GOLD, INGEST, MONITOR, PROMOTE_SILVER, VALIDATE

StageStatus = Literal["ok", "degraded", "blocked", "failed", "skipped"]
AssetStatus = Literal[
    "passed", "blocked", "unreachable", "not_evaluated", "not_due", "paused", "unlisted"
]
RunKind = Literal["run", "replay", "rollback"]
RunStatus = Literal["ok", "degraded", "failed", "interrupted", "killed", "running"]

HELD_BACK: frozenset[AssetStatus] = frozenset({"blocked", "unreachable", "not_evaluated"})
"""The verdicts that keep an asset out of what is promoted."""

UNLISTED = "(unlisted)"
NO_SYMBOL = "(no symbol)"
NO_ASSET = (UNLISTED, NO_SYMBOL)
"""The lines, beside those of the assets, for rows whose symbol is not an asset, or not a symbol.

Their status is ``unlisted``: such rows are quarantined and hold nothing back.
"""

DETAILS: dict[str, type[Details]] = {
    INGEST: IngestDetails,
    VALIDATE: ValidateDetails,
    PROMOTE_SILVER: PromoteDetails,
    BUILD_GOLD: GoldDetails,
    MONITOR: MonitorDetails,
}
"""What each stage hands on when it ends well; a blocked one hands on ``StageDetails``."""

D = TypeVar("D", bound=Details)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AssetLedger(_Record):
    """One asset's rows through one stage. ``rows_in = promoted + quarantined + deduplicated``.

    ``outside_hours`` are bars that stay in Silver and enter no session; they are beside the rest.
    """

    status: AssetStatus = "passed"
    reason: str = ""
    rows_in: int = 0
    promoted: int = 0
    quarantined: int = 0
    deduplicated: int = 0
    outside_hours: int = 0

    @property
    def unexplained(self) -> int:
        """Rows that went in and did not come out anywhere. Anything but 0 fails the run."""
        return self.rows_in - self.promoted - self.quarantined - self.deduplicated


class Check(_Record):
    """One thing that was verified: an expectation of a suite, or a limit on an asset.

    ``blocks`` says whether failing it holds back the asset, or only warns.
    """

    name: str
    passed: bool
    table: str
    blocks: bool = True
    symbol: str = ""
    observed: str = ""
    expected: str = ""


class OffendingRow(_Record):
    """A row that a gate quarantined: where it stands in the source, and which rule it broke."""

    symbol: str
    rule: str
    reason: str
    file: str
    line: int


class StageRecord(_Record):
    """What one stage did, written by the last cell of its notebook.

    ``is_transient``: a source did not answer, and asking it again may help.
    """

    run_id: str
    stage: str
    as_of: datetime
    status: StageStatus
    error: str = ""
    is_transient: bool = False
    assets: dict[str, AssetLedger] = Field(default_factory=dict)
    checks: list[Check] = Field(default_factory=list)
    quarantine: dict[str, int] = Field(default_factory=dict)
    offending_rows: list[OffendingRow] = Field(default_factory=list)
    artifacts: dict[str, str] = Field(default_factory=dict)
    details: Annotated[
        IngestDetails
        | ValidateDetails
        | PromoteDetails
        | GoldDetails
        | MonitorDetails
        | StageDetails
        | Details,
        Field(union_mode="left_to_right"),
    ] = Details()

    def handed_on(self, model: type[D]) -> D | None:
        """What the stage handed on, or None if it did not hand on such details."""
        return self.details if isinstance(self.details, model) else None

    @property
    def lacking(self) -> list[str]:
        """The fields that the stage should have handed on, and are missing or malformed."""
        if self.status not in ("ok", "degraded"):
            return []
        try:
            DETAILS.get(self.stage, Details).model_validate(self.details.model_dump())
        except ValidationError as invalid:
            return sorted({str(error["loc"][0]) for error in invalid.errors()})
        return []


class AssetOutcome(_Record):
    """An asset at the end of a run: its rows, its freshness and, for rows of no asset, a reason.

    A run that ended early may not know its freshness ("").
    """

    status: AssetStatus | Literal["restored"] = "restored"  # rollbacks of version 0.1 wrote none
    rows_in: int = 0
    promoted: int = 0
    quarantined: int = 0
    deduplicated: int = 0
    freshness: Freshness | Literal[""] = ""
    reason: str = ""

    @model_serializer(mode="wrap")
    def _what_was_set(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A rollback counts no rows, and an asset has no reason."""
        written: dict[str, Any] = serialize(self)
        return {name: value for name, value in written.items() if name in self.model_fields_set}


class StageOutcome(_Record):
    """One stage as the pipeline saw it: its wall time in seconds, and the notebook's record.

    A skipped stage that run ``produced_by`` had executed shows what it said there; one without
    was not reached. ``attempts`` counts how often the notebook ran before its source answered.
    """

    name: str
    status: StageStatus
    seconds: float = 0.0
    attempts: int = 1
    produced_by: str = ""
    cell: str = ""
    error_name: str = ""
    error: str = ""
    record: StageRecord | None = None

    @property
    def was_executed(self) -> bool:
        """Whether the notebook ran."""
        return self.status != "skipped"

    @property
    def was_reached(self) -> bool:
        """Whether it was this stage's turn: it ran, or what it once said still holds."""
        return self.was_executed or bool(self.produced_by)

    @property
    def verdict(self) -> StageStatus:
        """What the run goes by: of a stage that is unchanged, what it said when it ran."""
        return self.record.status if self.produced_by and self.record else self.status

    @property
    def is_good(self) -> bool:
        """Whether what comes after it may go by it."""
        return self.verdict in ("ok", "degraded")


class RunRecord(_Record):
    """One run, as ``history`` and the reports show it. Times are UTC.

    A replay judges quarantined rows again; a rollback restores what run ``restored`` had published;
    a run that goes on where ``resumed`` had stopped names it.
    """

    run_id: str
    kind: RunKind = "run"
    restored: str = ""
    resumed: str = ""
    as_of: datetime
    started_at_utc: datetime
    finished_at_utc: datetime
    status: RunStatus
    exit_code: int
    conditions: list[str] = Field(default_factory=list)
    command: str = ""
    stages: list[StageOutcome] = Field(default_factory=list)
    assets: dict[str, AssetOutcome] = Field(default_factory=dict)
    report: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished_at_utc - self.started_at_utc).total_seconds()

    @property
    def final_exit_code(self) -> int | None:
        """None where the run has no end: what is in ``exit_code`` then means nothing."""
        return None if self.status in ("killed", "running") else self.exit_code

    @property
    def outcome(self) -> str:
        """The status; of a rollback, that it is one."""
        return "rolled_back" if self.kind == "rollback" else self.status

    @property
    def is_good(self) -> bool:
        """Whether it published what it could. A rollback does not count: it takes back."""
        return self.status in ("ok", "degraded") and self.kind != "rollback"

    def rows(self, name: Literal["promoted", "quarantined"]) -> int:
        """How many rows were ``promoted`` or ``quarantined`` in this very run.

        Those of a stage that it skipped belong to the run that executed it.
        """
        stage = PROMOTE_SILVER if name == "promoted" else VALIDATE
        if any(outcome.name == stage and outcome.produced_by for outcome in self.stages):
            return 0
        return sum(getattr(asset, name) for asset in self.assets.values())
