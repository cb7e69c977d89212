"""The stage record: the one JSON in which a notebook and the pipeline meet."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

StageStatus = Literal["ok", "degraded", "blocked", "failed", "skipped"]
AssetStatus = Literal["passed", "blocked", "unreachable", "not_evaluated", "not_due", "paused"]
RunKind = Literal["run", "replay", "rollback"]
RunStatus = Literal["ok", "degraded", "failed"]
Freshness = Literal["fresh", "late", "stale", "unknown", "paused"]

HELD_BACK: frozenset[AssetStatus] = frozenset({"blocked", "unreachable", "not_evaluated"})
"""The verdicts that keep an asset out of what is promoted."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AssetLedger(_Record):
    """One asset's rows through one stage. ``rows_in = promoted + quarantined + deduplicated``."""

    status: AssetStatus = "passed"
    reason: str = ""
    rows_in: int = 0
    promoted: int = 0
    quarantined: int = 0
    deduplicated: int = 0

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
    """A row that a gate refused: where it stands in the source, and which rule it broke."""

    symbol: str
    rule: str
    reason: str
    file: str
    line: int


class StageRecord(_Record):
    """What one stage did, written by the last cell of its notebook."""

    run_id: str
    stage: str
    as_of: datetime
    status: StageStatus
    error: str = ""
    assets: dict[str, AssetLedger] = Field(default_factory=dict)
    checks: list[Check] = Field(default_factory=list)
    quarantine: dict[str, int] = Field(default_factory=dict)
    offending_rows: list[OffendingRow] = Field(default_factory=list)
    artifacts: dict[str, str] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)


class StageOutcome(_Record):
    """One stage as the pipeline saw it: its wall time in seconds, and the notebook's record."""

    name: str
    status: StageStatus
    seconds: float = 0.0
    cell: str = ""
    error_name: str = ""
    error: str = ""
    record: StageRecord | None = None


class RunRecord(_Record):
    """One run, as ``history`` and the reports show it. Times are UTC.

    A replay judges refused rows again; a rollback restores what run ``restored`` had published.
    """

    run_id: str
    kind: RunKind = "run"
    restored: str = ""
    as_of: datetime
    started_at_utc: datetime
    finished_at_utc: datetime
    status: RunStatus
    exit_code: int
    conditions: list[str] = Field(default_factory=list)
    command: str = ""
    stages: list[StageOutcome] = Field(default_factory=list)
    assets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    report: str = ""
