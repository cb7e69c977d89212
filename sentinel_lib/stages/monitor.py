"""The library of ``50_monitor``: how fresh and how good every asset is, and the history of runs."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from sentinel_lib.clock import iso
from sentinel_lib.errors import listed
from sentinel_lib.freshness import freshness
from sentinel_lib.records import roles
from sentinel_lib.records.details import AssetFreshness
from sentinel_lib.records.stage import StageRecord
from sentinel_lib.settings.assets import Asset
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.delta_log import Commit
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.publisher import Publisher
from sentinel_lib.storage.tables import Lake

SHOWN = ("symbol", "status", "max_loaded_at", "sessions_behind", "next_breach_at", "reason")
CAUSES = {"unreachable": "source unreachable", "blocked": "gate blocked"}
"""Why an asset's data did not arrive, by its verdict; by any other its source is late."""


def asset_freshness(
    assets: Mapping[str, Asset], last_bars: Mapping[str, datetime], as_of: datetime, start: date
) -> dict[str, AssetFreshness]:
    """The freshness of each asset at ``as_of`` by its symbol, in order.

    ``last_bars`` are the timestamps (UTC) of the last bars in Silver; history begins at ``start``.
    """
    return {
        symbol: freshness(asset, last_bars.get(symbol), as_of, start)
        for symbol, asset in sorted(assets.items())
    }


def shown(ages: Mapping[str, AssetFreshness]) -> pd.DataFrame:
    """One row per asset, the ones furthest behind first; times are UTC."""
    rows = [{"symbol": symbol, **state.model_dump()} for symbol, state in ages.items()]
    frame = pd.DataFrame(rows, columns=list(SHOWN))
    return frame.sort_values(["sessions_behind", "symbol"], ascending=[False, True])


def by_status(ages: Mapping[str, AssetFreshness]) -> pd.DataFrame:
    """One row per status that an asset has: how many have it, and which."""
    symbols = pd.Series(list(ages), [state.status for state in ages.values()], dtype=object)
    counts = symbols.groupby(level=0).agg(assets="size", symbols=listed)
    return counts.rename_axis("status").reset_index()


def asset_quality(records: Sequence[StageRecord]) -> dict[str, dict[str, Any]]:
    """By symbol an asset's rows through the run, the fraction quarantined, and its failed checks.

    The rows are those of validate, or of ingest where the run did not get beyond it.
    """
    by_stage = {record.stage: record for record in records}
    judged = by_stage.get(roles.VALIDATE) or by_stage.get(roles.INGEST)
    failed = [check for record in records for check in record.checks if not check.passed]
    return {
        symbol: {
            **ledger.model_dump(),
            "quarantined_fraction": round(ledger.quarantined / ledger.rows_in, 6)
            if ledger.rows_in
            else None,
            "failed_checks": [
                check.model_dump(include={"name", "observed", "expected"})
                for check in failed
                if check.symbol == symbol
            ],
        }
        for symbol, ledger in sorted(judged.assets.items() if judged else ())
    }


def write_files(
    lake: Lake, commit: Commit, ages: Mapping[str, AssetFreshness], quality: Mapping[str, Any]
) -> dict[str, Path]:
    """Publish ``freshness.json``, which is a function of the data and ``as_of``, and write
    ``quality.json`` to ops, which is about the run. Gives their paths by name.

    Raises ``StorageError`` if one cannot be written.
    """
    states = {symbol: state.model_dump(mode="json") for symbol, state in ages.items()}
    freshness_file = Publisher(lake, commit).freshness(_content(commit.as_of, states))
    quality_file = Layout(lake.root).quality
    artifacts.replace(quality_file, _content(commit.as_of, quality))
    return {str(path.relative_to(lake.root)): path for path in (freshness_file, quality_file)}


def write_history(
    lake: Lake,
    commit: Commit,
    run_id: str,
    ages: Mapping[str, AssetFreshness],
    records: Sequence[StageRecord],
) -> dict[str, int]:
    """Add run ``run_id`` to the ``ops`` tables: its stages, checks, freshness and quarantine.

    A run that is monitored again replaces its own rows; what a stage that was skipped recorded is
    in those of the run that executed it. Gives the rows written by table. Raises ``StorageError``
    if a table cannot be written.
    """
    tables = history_rows(run_id, ages, records)
    for name, rows in tables.items():
        run = {"run_id": run_id, "as_of": commit.as_of}
        if rows:
            table = pa.Table.from_pylist([{**run, **row} for row in rows])
            lake.overwrite(name, table, commit, only=ds.field("run_id") == run_id)
    return {name: len(rows) for name, rows in tables.items()}


def history_rows(
    run_id: str, ages: Mapping[str, AssetFreshness], records: Sequence[StageRecord]
) -> dict[str, list[dict[str, Any]]]:
    """The rows of a run by ``ops`` table, without its ``run_id`` and ``as_of``."""
    verdicts = {
        symbol: ledger.status for record in records for symbol, ledger in record.assets.items()
    }
    executed = [record for record in records if record.run_id == run_id]
    return {
        roles.OPS_STAGE_RUNS: [_stage_run(record) for record in executed],
        roles.OPS_CHECKS: [
            {"stage": record.stage, **check.model_dump()}
            for record in executed
            for check in record.checks
        ],
        roles.OPS_FRESHNESS: [
            _freshness_row(symbol, state, verdicts.get(symbol, ""))
            for symbol, state in ages.items()
        ],
        roles.OPS_QUARANTINE: [
            {"stage": record.stage, "rule": rule, "rows": count}
            for record in executed
            for rule, count in record.quarantine.items()
        ],
    }


def _content(as_of: datetime, assets: Mapping[str, Any]) -> bytes:
    """The JSON that says ``assets`` as of a moment."""
    content = {"as_of": iso(as_of), "assets": assets}
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _stage_run(record: StageRecord) -> dict[str, Any]:
    counts = ("rows_in", "promoted", "quarantined", "deduplicated")
    ledgers = record.assets.values()
    sums = {name: sum(getattr(ledger, name) for ledger in ledgers) for name in counts}
    return {"stage": record.stage, "status": record.status, "error": record.error, **sums}


def _freshness_row(symbol: str, state: AssetFreshness, verdict: str) -> dict[str, Any]:
    written = state.model_dump(mode="json")
    is_late = state.status in ("late", "stale")
    return {
        "symbol": symbol,
        "status": state.status,
        "cause": CAUSES.get(verdict, "source late") if is_late else "",
        "max_loaded_at": written["max_loaded_at"] or "",
        "sessions_behind": state.sessions_behind,
        "next_breach_at": written["next_breach_at"] or "",
        "reason": state.reason,
    }
