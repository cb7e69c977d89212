"""The stage that a notebook is: its place in a run, its tables, and the record it leaves."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from sentinel_lib.errors import GateBlocked, SourceError, StageError
from sentinel_lib.logger import log
from sentinel_lib.records.details import Details, StageDetails
from sentinel_lib.records.roles import INGEST
from sentinel_lib.records.stage import (
    DETAILS,
    HELD_BACK,
    NO_ASSET,
    AssetLedger,
    Check,
    OffendingRow,
    StageRecord,
    StageStatus,
)
from sentinel_lib.rules.suites import Suite, load_suite
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages.cells import cell_of
from sentinel_lib.stages.examples import examples
from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Commit, Lake

BY_HAND = "by-hand"
REPLAY = "quarantine"


@dataclass
class Stage:
    """One stage of one run, or of a notebook opened by hand.

    ``published`` is what stands and ``lake`` what the stage writes: the same folder in a run; by
    hand the writes go to ``data/sandbox``. ``tried`` are the records of earlier stages that were
    run by hand since ``follows``, the last run: what those wrote is read from the sandbox, see
    ``input``. ``assets`` are all that the configuration lists (or
    that the input holds), ``selected`` those that this run is about. ``archive`` is what stands in
    for the sources, if anything: ``quarantine``, or another data folder. The stages before this one
    speak through their records in ``input_run_id``; of a stage that was skipped there is what it
    said in the run that executed it. ``is_transient`` says whether asking the sources again may
    help those that did not answer.
    """

    name: str
    run_id: str
    as_of: datetime
    config: Path
    data: Path
    threads: int | None
    input_run_id: str
    start: date
    layer: str | None
    assets: dict[str, Asset] = field(default_factory=dict)
    selected: tuple[str, ...] = ()
    ledgers: dict[str, AssetLedger] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    quarantine: dict[str, int] = field(default_factory=dict)
    offending_rows: list[OffendingRow] = field(default_factory=list)
    archive: str = ""
    is_transient: bool = False
    tried: Mapping[str, StageRecord] = field(default_factory=dict)
    tried_tables: frozenset[str] = frozenset()
    follows: str = ""
    _checked: dict[str, list[Check]] = field(default_factory=dict)

    @property
    def is_by_hand(self) -> bool:
        """Whether an analyst runs the notebook, rather than the pipeline."""
        return self.run_id == BY_HAND

    @property
    def is_replay(self) -> bool:
        """Whether the payloads are those with refused rows, rather than what the sources give."""
        return self.archive == REPLAY

    @property
    def archive_folder(self) -> Path:
        """The data folder whose archive stands in for the sources."""
        return self.data if self.is_replay else Path(self.archive)

    def recorded_ingest(self) -> StageRecord:
        """What the first stage said when this run was first made, where the archive is."""
        record = RunHistory(self.archive_folder).read_stage(self.run_id, self.name)
        if record is None:
            raise StageError(
                f"run {self.run_id} left no record of {self.name} in {self.archive}",
                next_step="restore ops/runs of that folder from a backup",
            )
        return record

    def said_by(self, name: str) -> StageRecord | None:
        """What the stage ``name``, which comes before this one, has said."""
        return self.tried.get(name) or self.history.read_stage(self.input_run_id, name)

    @cached_property
    def batch_run_id(self) -> str:
        """The run whose fetches are the batch: the one that executed the first stage."""
        ingested = self.said_by(INGEST)
        return ingested.run_id if ingested else self.input_run_id

    @property
    def output(self) -> Path:
        """The folder that this stage writes under."""
        return Layout(self.data).sandbox if self.is_by_hand else self.data

    @property
    def published(self) -> Lake:
        """The tables as they are published."""
        return Lake(self.data)

    def input(self, table: str) -> Lake:
        """Where ``table`` is read, which an earlier stage writes: what is published, or the
        sandbox if that stage was run by hand since the last run.
        """
        return Lake(Layout(self.data).sandbox) if table in self.tried_tables else self.published

    @property
    def origin(self) -> str:
        """What this stage is of, what it reads and where it writes, in a line."""
        if not self.is_by_hand:
            return f"run {self.run_id}, as of {self.as_of:%Y-%m-%dT%H:%M:%SZ}"
        last = f"run {self.follows}" if self.follows else "no run"
        reads = f"what is published by {last}"
        if self.tried:
            reads = f"the sandbox, where {', '.join(self.tried)} ran by hand after {last}"
        return f"by hand, as of {self.as_of:%Y-%m-%dT%H:%M:%SZ}: reads {reads}; writes the sandbox"

    @property
    def lake(self) -> Lake:
        """The tables that this stage writes."""
        return Lake(self.output)

    @property
    def history(self) -> RunHistory:
        """The records of runs that this stage reads."""
        return RunHistory(self.data)

    @property
    def commit(self) -> Commit:
        """What every change of a table says of this run."""
        return Commit(self.run_id, self.as_of)

    @cached_property
    def engine(self) -> Engine:
        """Where the row work runs."""
        return Engine(self.threads, spill=Layout(self.output).local.spill)

    @cached_property
    def suite(self) -> Suite:
        """The rules and limits of this stage's gate."""
        if self.layer is None:
            raise StageError(f"stage {self.name} has no suite in pipeline.yaml")
        return load_suite(self.config, self.layer)

    @property
    def chosen(self) -> dict[str, Asset]:
        """The assets that this run is about."""
        return {symbol: self.assets[symbol] for symbol in self.selected}

    @property
    def passing(self) -> list[str]:
        """The assets that no gate of this stage holds back."""
        return [
            symbol
            for symbol, one in self.ledgers.items()
            if one.status not in HELD_BACK and symbol not in NO_ASSET
        ]

    def account(self, ledgers: Mapping[str, AssetLedger]) -> pd.DataFrame:
        """Take note of where every asset's rows went; a row that went nowhere stops the stage."""
        for symbol, ledger in ledgers.items():
            if ledger.unexplained:
                raise StageError(
                    f"{symbol}: {ledger.unexplained} row(s) are unaccounted for in {self.name}",
                    observed=f"{ledger.rows_in} rows in, {ledger.promoted} promoted, "
                    f"{ledger.quarantined} quarantined, {ledger.deduplicated} deduplicated",
                    expected="rows in = promoted + quarantined + deduplicated",
                    next_step="look at what a cell adds or removes without saying so",
                )
        self.ledgers = dict(ledgers)
        return pd.DataFrame(
            [{"symbol": symbol, **one.model_dump()} for symbol, one in ledgers.items()]
        )

    def refuse(self, rows: pa.Table) -> None:
        """Take note of the quarantined rows: how many by rule, and examples of each asset's."""
        self.quarantine = {
            one["values"]: one["counts"] for one in rows["rule"].value_counts().to_pylist()
        }
        self.offending_rows = examples(rows, (*self.selected, *NO_ASSET))

    def gate(self, checks: Iterable[Check] = ()) -> pd.DataFrame:
        """Note what was checked, and stop the run here if no asset may pass.

        A cell that is run again replaces what it noted before.
        """
        frame = inspect.currentframe()
        self._checked[cell_of(frame.f_back if frame else None)] = list(checks)
        self.checks = [check for noted in self._checked.values() for check in noted]
        failed = [check for check in self.checks if not check.passed]
        for check in failed:
            log().warning(
                "check failed", check=check.name, asset=check.symbol, observed=check.observed
            )
        lines = {symbol: one for symbol, one in self.ledgers.items() if symbol not in NO_ASSET}
        held = {symbol: one for symbol, one in lines.items() if one.status in HELD_BACK}
        suite_failures = [one for one in failed if one.blocks and not one.symbol]
        if suite_failures:
            self._stop(GateBlocked, [f"{one.name}: {one.observed}" for one in suite_failures])
        if held and len(held) == len(lines):
            reasons = [f"{symbol}: {one.reason}" for symbol, one in held.items()]
            unreachable = all(one.status == "unreachable" for one in held.values())
            self._stop(SourceError if unreachable else GateBlocked, reasons)
        columns = ["name", "symbol", "passed", "observed", "expected"]
        return pd.DataFrame([check.model_dump() for check in self.checks], columns=columns)

    def require_audit(self) -> None:
        """Refuse to promote rows on which the suite was not heard: a gate left out is no pass."""
        promoted = sum(self.ledgers[symbol].promoted for symbol in self.passing)
        if self.layer is None or not promoted:
            return
        if not any(one.table == self.suite.table and not one.symbol for one in self.checks):
            raise GateBlocked(
                f"{self.name}: no gate has evaluated the suite of {self.suite.table}",
                observed=f"{promoted} rows to promote, and no check of the suite",
                expected="stage.gate with what the audit has found",
                next_step="restore the cell that calls stage.gate",
            )

    def record(
        self, *, artifacts: Mapping[str, Path] | None = None, **handed_on: object
    ) -> StageRecord:
        """Write the stage record, the last thing a notebook does.

        ``handed_on`` are the details of this stage (``records.details``), and ``artifacts`` the
        files that it has written, by name. Raises ``StageError`` for details that are missing.
        """
        self.require_audit()
        is_degraded = any(one.status in HELD_BACK for one in self.ledgers.values())
        model = DETAILS.get(self.name, StageDetails)
        try:
            details = model.model_validate({**self._in_effect.model_dump(), **handed_on})
        except ValidationError as invalid:
            raise StageError(
                f"stage '{self.name}' does not hand on what it has to: {invalid}",
                observed=f"stage.record(..., {', '.join(handed_on) or 'nothing'})",
                expected=", ".join(model.model_fields.keys() - StageDetails.model_fields.keys()),
                next_step="restore the last cell of its notebook",
            ) from invalid
        return self._write("degraded" if is_degraded else "ok", "", details, artifacts)

    def _stop(self, error: type[GateBlocked | SourceError], reasons: Sequence[str]) -> None:
        shown = "; ".join(reasons[:5]) + (
            f"; and {len(reasons) - 5} more" if len(reasons) > 5 else ""
        )
        stopped = error(
            f"{self.name}: nothing may be promoted. {shown}",
            next_step="see the rows and rules in the report, mend the source or the rules, "
            "and run the same command again; what is published is unchanged",
        )
        self._write("blocked", str(stopped), self._in_effect)
        raise stopped

    def _write(
        self,
        status: StageStatus,
        error: str,
        details: Details,
        artifacts: Mapping[str, Path] | None = None,
    ) -> StageRecord:
        record = StageRecord(
            run_id=self.run_id,
            stage=self.name,
            as_of=self.as_of,
            status=status,
            error=error,
            is_transient=self.is_transient,
            assets=self.ledgers,
            checks=self.checks,
            quarantine=self.quarantine,
            offending_rows=self.offending_rows,
            artifacts={
                name: str(path.relative_to(self.data)) for name, path in (artifacts or {}).items()
            },
            details=details,
        )
        RunHistory(self.output).write_stage(record)
        log().info("stage recorded", status=status)
        return record

    @property
    def _in_effect(self) -> StageDetails:
        return StageDetails(
            assets={symbol: asset.model_dump(mode="json") for symbol, asset in self.assets.items()},
            selected=self.selected,
            start=self.start,
            follows=self.follows if self.is_by_hand else None,
        )
