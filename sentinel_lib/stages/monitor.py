"""The monitor's work: the state of every asset, and the history of runs as tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from sentinel_lib.freshness import freshness
from sentinel_lib.ingestion.schedule import next_due
from sentinel_lib.records.details import AssetFreshness
from sentinel_lib.records.roles import (
    INGEST,
    OPS_CHECKS,
    OPS_FRESHNESS,
    OPS_QUARANTINE,
    OPS_STAGE_RUNS,
    SILVER_BARS,
    VALIDATE,
)
from sentinel_lib.records.stage import AssetLedger, StageRecord
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.stages.silver import last_bars
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.publisher import Publisher

ATTEMPTS: dict[str, str] = {
    "unreachable": "source unreachable",
    "blocked": "gate blocked",
    "not_evaluated": "source late",
}
"""What a stage's verdict says about why an asset's data did not arrive."""


def freshness_board(stage: Stage) -> dict[str, AssetFreshness]:
    """The state of every configured asset at ``as_of``, from what Silver holds."""
    bars = last_bars(stage.input(SILVER_BARS))
    return {
        symbol: freshness(asset, bars.get(symbol), stage.as_of, stage.start)
        for symbol, asset in sorted(stage.assets.items())
    }


def quiet_until(stage: Stage) -> datetime | None:
    """Until when no source owes anything new, UTC; None if one does already.

    A run before that has nothing to ask for.
    """
    return next_due(stage.chosen, stage.start, last_bars(stage.input(SILVER_BARS)), stage.as_of)


def board_shown(board: Mapping[str, AssetFreshness]) -> pd.DataFrame:
    """The board as a table, a row per asset."""
    columns = ["symbol", "status", "max_loaded_at", "sessions_behind", "next_breach_at", "reason"]
    rows = [{"symbol": symbol, **state.model_dump()} for symbol, state in board.items()]
    return pd.DataFrame(rows, columns=columns)


def stage_records(stage: Stage) -> list[StageRecord]:
    """What the stages before this one said in the run."""
    names = [one.name for one in load_pipeline(stage.config).stages if one.name != stage.name]
    return [record for record in map(stage.said_by, names) if record is not None]


def quality_of(records: list[StageRecord]) -> dict[str, Any]:
    """Each asset's rows through the run, and what was checked of it."""
    by_stage = {record.stage: record for record in records}
    judged = by_stage.get(VALIDATE) or by_stage.get(INGEST)
    ledgers: Mapping[str, AssetLedger] = judged.assets if judged else {}
    failed = [check for record in records for check in record.checks if not check.passed]
    return {
        symbol: {
            **ledger.model_dump(),
            "quarantined_fraction": round(ledger.quarantined / ledger.rows_in, 6)
            if ledger.rows_in
            else None,
            "failed_checks": [
                {"name": check.name, "observed": check.observed, "expected": check.expected}
                for check in failed
                if check.symbol == symbol
            ],
        }
        for symbol, ledger in sorted(ledgers.items())
    }


def write_board(
    stage: Stage, board: Mapping[str, AssetFreshness], quality: Mapping[str, Any]
) -> dict[str, Path]:
    """Write ``freshness.json`` to Gold, a function of the data and ``as_of``, and ``quality.json``
    to ops, which is about the run.
    """
    publisher = Publisher(stage.lake, stage.commit)
    states = {symbol: state.model_dump(mode="json") for symbol, state in board.items()}
    paths = [publisher.freshness(_json_of(stage, states)), Layout(stage.output).quality]
    artifacts.replace(paths[1], _json_of(stage, dict(quality)).encode())
    return {str(path.relative_to(stage.output)): path for path in paths}


def write_history(
    stage: Stage, board: Mapping[str, AssetFreshness], records: list[StageRecord]
) -> dict[str, int]:
    """Add this run to the ``ops`` tables: its stages, checks, freshness and quarantine.

    A run that is monitored again replaces its own rows; what a stage that was skipped said is in
    those of the run that executed it. Gives the rows written per table.
    """
    verdicts = {
        symbol: ledger.status for record in records for symbol, ledger in record.assets.items()
    }
    records = [record for record in records if record.run_id == stage.input_run_id]
    tables = {
        OPS_STAGE_RUNS: [_stage_run(record) for record in records],
        OPS_CHECKS: [
            {"stage": record.stage, **check.model_dump()}
            for record in records
            for check in record.checks
        ],
        OPS_FRESHNESS: [
            _freshness_row(symbol, state, verdicts.get(symbol, ""))
            for symbol, state in board.items()
        ],
        OPS_QUARANTINE: [
            {"stage": record.stage, "rule": rule, "rows": count}
            for record in records
            for rule, count in record.quarantine.items()
        ],
    }
    only = ds.field("run_id") == stage.input_run_id
    for name, rows in tables.items():
        run = {"run_id": stage.input_run_id, "as_of": stage.as_of}
        if rows:
            table = pa.Table.from_pylist([{**run, **row} for row in rows])
            stage.lake.overwrite(name, table, stage.commit, only=only)
    return {name: len(rows) for name, rows in tables.items()}


def _json_of(stage: Stage, assets: Mapping[str, Any]) -> str:
    content = {"as_of": stage.as_of.strftime("%Y-%m-%dT%H:%M:%SZ"), "assets": assets}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _stage_run(record: StageRecord) -> dict[str, Any]:
    ledgers = record.assets.values()
    sums = {
        name: sum(getattr(one, name) for one in ledgers)
        for name in ("rows_in", "promoted", "quarantined", "deduplicated")
    }
    return {"stage": record.stage, "status": record.status, "error": record.error, **sums}


def _freshness_row(symbol: str, state: AssetFreshness, verdict: str) -> dict[str, Any]:
    row = state.model_dump(mode="json")
    cause = ATTEMPTS.get(verdict, "source late") if state.status in ("late", "stale") else ""
    return {
        "symbol": symbol,
        "status": state.status,
        "cause": cause,
        "max_loaded_at": row["max_loaded_at"] or "",
        "sessions_behind": state.sessions_behind,
        "next_breach_at": row["next_breach_at"] or "",
        "reason": state.reason,
    }
