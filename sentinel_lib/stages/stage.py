"""The stage that a notebook is: its place in a run, its tables, and the record it leaves."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from sentinel_lib.clock import iso
from sentinel_lib.errors import GateBlocked, SourceError, StageError, counted, listed
from sentinel_lib.logger import log
from sentinel_lib.records.details import StageDetails
from sentinel_lib.records.roles import INGEST
from sentinel_lib.records.stage import (
    DETAILS,
    HELD_BACK,
    NO_ASSET,
    AssetLedger,
    Check,
    OffendingRow,
    StageRecord,
)
from sentinel_lib.rules.suites import Suite, load_suite
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.stages.cells import cell_of
from sentinel_lib.stages.examples import examples
from sentinel_lib.storage.delta_log import Commit
from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.frames import counts_of
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

BY_HAND, REPLAY = "by-hand", "quarantine"


@dataclass
class Stage:
    """One stage of one run, or of a notebook opened by hand.

    ``published`` is what stands and ``lake`` what the stage writes: the same folder in a run; by
    hand the writes go to ``data/sandbox``. ``tried`` are the records of earlier stages that were
    run by hand since ``follows``, the last run: what those wrote is the ``input``. ``assets`` are
    all that the configuration lists (or that the input holds), ``selected`` those of this run.
    ``archive`` stands in for the sources, if set: ``quarantine``, or another data folder. Earlier
    stages left their records in ``input_run_id``. ``is_transient``: asking again may help.
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
    memory_limit: str
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
        """Whether payloads with quarantined rows are judged again, instead of new ones."""
        return self.archive == REPLAY

    @property
    def archive_folder(self) -> Path:
        """The data folder whose archive stands in for the sources."""
        return self.data if self.is_replay else Path(self.archive)

    def said_by(self, name: str) -> StageRecord | None:
        """The record of the earlier stage ``name``, if it has left one."""
        return self.tried.get(name) or self.history.read_stage(self.input_run_id, name)

    def other_records(self) -> list[StageRecord]:
        """The records that the other stages of the run have left."""
        names = [spec.name for spec in load_pipeline(self.config).stages if spec.name != self.name]
        return list(filter(None, map(self.said_by, names)))

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
        """Where ``table`` is read: published, or the sandbox if it was written by hand since."""
        return Lake(Layout(self.data).sandbox) if table in self.tried_tables else self.published

    @property
    def origin(self) -> str:
        """What this stage is of, what it reads and where it writes, in a line."""
        if not self.is_by_hand:
            return f"run {self.run_id}, as of {iso(self.as_of)}"
        last = f"run {self.follows}" if self.follows else "no run"
        by_hand = f"the sandbox, where {', '.join(self.tried)} ran by hand after {last}"
        reads = by_hand if self.tried else f"what is published by {last}"
        return f"by hand, as of {iso(self.as_of)}: reads {reads}; writes the sandbox"

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
        return Engine(self.threads, Layout(self.output).spill, self.memory_limit)

    @cached_property
    def suite(self) -> Suite:
        """The rules and limits of this stage's gate. Raises ``StageError`` if it has none."""
        if self.layer is None:
            raise StageError(
                f"stage {self.name} has no suite in pipeline.yaml",
                next_step="give it one there, 'suite: gold' for instance",
            )
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
            for symbol, ledger in self.ledgers.items()
            if ledger.status not in HELD_BACK and symbol not in NO_ASSET
        ]

    def account(self, ledgers: Mapping[str, AssetLedger]) -> pd.DataFrame:
        """Note where every asset's rows went, and show it, a row per asset.

        Raises ``StageError`` if a row is unaccounted for.
        """
        for symbol, ledger in ledgers.items():
            if ledger.unexplained:
                raise StageError(
                    f"{symbol}: {counted(ledger.unexplained, 'row')} unaccounted for "
                    f"in {self.name}",
                    observed=f"{ledger.rows_in} rows in, {ledger.promoted} promoted, "
                    f"{ledger.quarantined} quarantined, {ledger.deduplicated} deduplicated",
                    expected="rows in = promoted + quarantined + deduplicated",
                    next_step="look for a cell that adds or removes rows without counting them",
                )
        self.ledgers = dict(ledgers)
        return pd.DataFrame(
            [{"symbol": symbol, **ledger.model_dump()} for symbol, ledger in ledgers.items()]
        )

    def note_quarantined(self, rows: pa.Table) -> None:
        """Note how many of the quarantined rows each rule caught, and examples of each asset's."""
        self.quarantine = counts_of(rows["rule"])
        self.offending_rows = examples(rows, (*self.selected, *NO_ASSET))

    def gate(self, checks: Iterable[Check] = ()) -> pd.DataFrame:
        """Note the ``checks`` in place of those of the cell's last time, and show all, a row each.

        Raises ``GateBlocked`` if a check of no single asset fails, or if no asset may pass;
        ``SourceError`` if that is because no source answered.
        """
        self._checked[cell_of(sys._getframe(1))] = list(checks)
        self.checks = [check for noted in self._checked.values() for check in noted]
        failed = [check for check in self.checks if not check.passed]
        for check in failed:
            event = {"check": check.name, "asset": check.symbol, "observed": check.observed}
            log().warning("check failed", **event)
        of_suite = [check for check in failed if check.blocks and not check.symbol]
        if of_suite:
            self._stop(GateBlocked, [f"{check.name}: {check.observed}" for check in of_suite])
        held = {s: ledger for s, ledger in self.ledgers.items() if ledger.status in HELD_BACK}
        if held and not self.passing:
            unreachable = all(ledger.status == "unreachable" for ledger in held.values())
            reasons = [f"{symbol}: {ledger.reason}" for symbol, ledger in held.items()]
            self._stop(SourceError if unreachable else GateBlocked, reasons)
        rows = [check.model_dump() for check in self.checks]
        return pd.DataFrame(rows, columns=["name", "symbol", "passed", "observed", "expected"])

    def require_audit(self) -> None:
        """Raise ``GateBlocked`` if rows are to be promoted that no gate has judged by the suite."""
        promoted = sum(self.ledgers[symbol].promoted for symbol in self.passing)
        if self.layer is None or not promoted:
            return
        if all(check.symbol or check.table != self.suite.table for check in self.checks):
            raise GateBlocked(
                f"{self.name}: no gate has evaluated the suite of {self.suite.table}",
                observed=f"{counted(promoted, 'row')} to promote, and no check of the suite",
                expected="stage.gate with the checks of the audit",
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
        is_degraded = any(ledger.status in HELD_BACK for ledger in self.ledgers.values())
        model = DETAILS.get(self.name, StageDetails)
        try:
            details = model.model_validate({**self._in_effect.model_dump(), **handed_on})
        except ValidationError as invalid:
            raise StageError(
                f"stage '{self.name}' does not hand on what it has to: {invalid}",
                observed=f"stage.record({', '.join(handed_on)})",
                expected=", ".join(
                    sorted(model.model_fields.keys() - StageDetails.model_fields.keys())
                ),
                next_step="restore the last cell of its notebook",
            ) from invalid
        return self._write(
            status="degraded" if is_degraded else "ok",
            details=details,
            artifacts={
                name: str(path.relative_to(self.data)) for name, path in (artifacts or {}).items()
            },
        )

    def _stop(self, error: type[GateBlocked | SourceError], reasons: Sequence[str]) -> None:
        stopped = error(
            f"{self.name}: nothing may be promoted. {listed(reasons, separator='; ')}",
            next_step="see the rows and rules in the report, fix the source or the rules, "
            "and run the same command again; what is published is unchanged",
        )
        self._write(status="blocked", error=str(stopped), details=self._in_effect)
        raise stopped

    def _write(self, **outcome: Any) -> StageRecord:
        record = StageRecord(
            run_id=self.run_id,
            stage=self.name,
            as_of=self.as_of,
            is_transient=self.is_transient,
            assets=self.ledgers,
            checks=self.checks,
            quarantine=self.quarantine,
            offending_rows=self.offending_rows,
            **outcome,
        )
        RunHistory(self.output).write_stage(record)
        log().info("stage recorded", status=record.status)
        return record

    @property
    def _in_effect(self) -> StageDetails:
        return StageDetails(
            assets={symbol: asset.model_dump(mode="json") for symbol, asset in self.assets.items()},
            selected=self.selected,
            start=self.start,
            follows=self.follows if self.is_by_hand else None,
        )
