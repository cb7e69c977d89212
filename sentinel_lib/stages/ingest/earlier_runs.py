"""What earlier runs fetched, and what of it both gates let through."""

from collections.abc import Iterator
from typing import Any

import pyarrow.dataset as ds

from sentinel_lib.records.roles import BRONZE_FETCHES, INGEST, VALIDATE
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

_COLUMNS = ["run_id", "as_of", "source", "locator", "symbol", "symbols", "columns", "reading"]
_NEWEST_FIRST = [(name, "descending") for name in ("as_of", "run_id", "locator")]


def passed_by_both_gates(history: RunHistory, run_id: str) -> set[str]:
    """The assets of a run that both gates let through."""
    passed: list[set[str]] = []
    for gate in (INGEST, VALIDATE):
        record = history.read_stage(run_id, gate)
        if record is None or record.status in ("blocked", "failed"):
            return set()
        statuses = {symbol: ledger.status for symbol, ledger in record.assets.items()}
        passed.append({name for name in statuses if statuses[name] in ("passed", "not_due")})
    return set.intersection(*passed)


def newest_fetches(lake: Lake, where: ds.Expression) -> Iterator[dict[str, Any]]:
    """Rows of the fetch log. Few are looked at, so they are read piece by piece."""
    rows = lake.read_or_empty(BRONZE_FETCHES, columns=_COLUMNS, where=where)
    for piece in rows.sort_by(_NEWEST_FIRST).to_batches(max_chunksize=1_024):
        yield from piece.to_pylist()
