"""What differs between two runs: rows of every table, and each asset's metrics."""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib.operations.results import Difference, TableDifference
from sentinel_lib.records.roles import GOLD_AGGREGATES
from sentinel_lib.storage import root
from sentinel_lib.storage.catalog import ABOUT_THE_RUN, CATALOG, RESTORED_TABLES
from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.tables import Lake

SAMPLE_ROWS = 5


def difference(
    data: Path, run_a: str | None, run_b: str | None, *, other: Path | None = None
) -> Difference:
    """What changed from ``run_a`` to ``run_b``; None means as things stand now.

    ``other`` is the data folder of ``run_b``, where it is not the same. Raises ``StorageError`` if
    a table cannot be read.
    """
    before, after = Lake(data, is_checked=not root.is_older(data)), Lake(other or data)
    engine = Engine()
    states = {
        name: (_rows(before, name, run_a), _rows(after, name, run_b)) for name in RESTORED_TABLES
    }
    tables = {name: _compared(engine, name, *rows) for name, rows in states.items()}
    return Difference(tables, _changed_metrics(*states[GOLD_AGGREGATES]))


def _rows(lake: Lake, name: str, run_id: str | None) -> pa.Table | None:
    if not lake.exists(name):
        return None
    return lake.read(name) if run_id is None else lake.read_after(name, run_id)


def _compared(
    engine: Engine, name: str, before: pa.Table | None, after: pa.Table | None
) -> TableDifference:
    known = before if before is not None else after
    if known is None:
        return TableDifference()
    left, right = (
        engine.load(known.schema.empty_table() if rows is None else rows)
        for rows in (before, after)
    )
    table = CATALOG[name]
    key, shared = list(table.key), [column for column in left.columns if column in right.columns]
    values = [column for column in shared if column not in (*key, *ABOUT_THE_RUN)]
    parts = {
        "added": right.anti_join(left, key),
        "removed": left.anti_join(right, key),
        "changed": _changed(left, right, key, values),
    }
    counts = {part: int(rows.count().to_pyarrow().as_py()) for part, rows in parts.items()}
    samples = {
        part: [
            _shown(row, table.called_by or table.key, values)
            for row in rows.order_by(key).limit(SAMPLE_ROWS).to_pyarrow().to_pylist()
        ]
        for part, rows in parts.items()
        if counts[part]
    }
    return TableDifference(**counts, samples=samples)


def _shown(row: dict[str, Any], names: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
    """What a row is called by; of one that changed also each value before and after."""
    changed = {
        name: (row[name], row[f"new_{name}"])
        for name in values
        if f"new_{name}" in row and row[name] != row[f"new_{name}"]
    }
    return {**{name: row[name] for name in names}, **changed}


def _changed(left: Table, right: Table, key: list[str], values: list[str]) -> Table:
    renamed = right.select(**{f"new_{name}": name for name in (*key, *values)})
    both = left.join(renamed, [left[name] == renamed[f"new_{name}"] for name in key])
    differs = (~both[name].identical_to(both[f"new_{name}"]) for name in values)
    return both.filter(reduce(or_, differs, ibis.literal(False)))


def _changed_metrics(
    before: pa.Table | None, after: pa.Table | None
) -> list[tuple[str, str, Any, Any]]:
    old, new = (
        {row["symbol"]: row for row in table.to_pylist()} if table is not None else {}
        for table in (before, after)
    )
    return [
        (symbol, metric, was.get(metric), is_now.get(metric))
        for symbol in sorted({*old, *new})
        for was, is_now in [(old.get(symbol, {}), new.get(symbol, {}))]
        for metric in {**was, **is_now}
        if was.get(metric) != is_now.get(metric)
    ]
