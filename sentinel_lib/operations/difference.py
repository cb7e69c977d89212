"""What differs between two runs: rows of every table, and each asset's figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib.operations.versions import version_after
from sentinel_lib.records.roles import GOLD_AGGREGATES
from sentinel_lib.storage import root
from sentinel_lib.storage.catalog import ABOUT_THE_RUN, CATALOG
from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.tables import Lake

COMPARED = {name: table for name, table in CATALOG.items() if table.called_by}

SAMPLE_ROWS = 5


@dataclass(frozen=True, slots=True)
class TableDifference:
    """How many rows of a table were added, removed and changed, and what a few are called by.

    A row that changed also has the values that did, each as (before, after).
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def is_none(self) -> bool:
        """Whether the table is the same."""
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Difference:
    """From one state to another: tables by name, and figures as (symbol, metric, before, after)."""

    tables: dict[str, TableDifference]
    metrics: list[tuple[str, str, Any, Any]]

    @property
    def is_none(self) -> bool:
        """Whether nothing differs."""
        return all(one.is_none for one in self.tables.values())


def difference(
    data: Path, run_a: str | None, run_b: str | None, *, other: Path | None = None
) -> Difference:
    """What changed from ``run_a`` to ``run_b``; None means as things stand now.

    ``other`` is the data folder of ``run_b``, where it is not the same.
    """
    engine = Engine()
    before, after = Lake(data, is_checked=not root.is_older(data)), Lake(other or data)
    tables = {}
    for name in COMPARED:
        rows = [_rows(lake, name, run) for lake, run in ((before, run_a), (after, run_b))]
        tables[name] = _compared(engine, name, *rows)
    figures = [_rows(lake, GOLD_AGGREGATES, run) for lake, run in ((before, run_a), (after, run_b))]
    return Difference(tables, _metric_deltas(*figures))


def _rows(lake: Lake, name: str, run_id: str | None) -> pa.Table | None:
    if not lake.exists(name):
        return None
    if run_id is None:
        return lake.read(name)
    version = version_after(lake, name, run_id)
    return None if version is None else lake.read(name, version=version)


def _compared(
    engine: Engine, name: str, before: pa.Table | None, after: pa.Table | None
) -> TableDifference:
    there = [one for one in (before, after) if one is not None]
    if not there:
        return TableDifference()
    rows = [there[0].schema.empty_table() if one is None else one for one in (before, after)]
    left, right = (engine.load(one) for one in rows)
    key = list(CATALOG[name].key)
    shared = [column for column in left.columns if column in right.columns]
    values = [column for column in shared if column not in (*key, *ABOUT_THE_RUN)]
    parts = {
        "added": right.anti_join(left, key),
        "removed": left.anti_join(right, key),
        "changed": _changed(left, right, key, values),
    }
    counts = {part: int(table.count().to_pyarrow().as_py()) for part, table in parts.items()}
    samples = {
        part: [_shown(row, CATALOG[name].called_by, values) for row in _first_rows(table, key)]
        for part, table in parts.items()
        if counts[part]
    }
    return TableDifference(**counts, samples=samples)


def _first_rows(table: Table, key: list[str]) -> list[dict[str, Any]]:
    return list(table.order_by(key).limit(SAMPLE_ROWS).to_pyarrow().to_pylist())


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


def _metric_deltas(
    before: pa.Table | None, after: pa.Table | None
) -> list[tuple[str, str, Any, Any]]:
    states = [
        {row["symbol"]: row for row in table.to_pylist()} if table is not None else {}
        for table in (before, after)
    ]
    deltas = []
    for symbol in sorted(states[0].keys() | states[1].keys()):
        old, new = (state.get(symbol, {}) for state in states)
        for metric in {**old, **new}:
            if old.get(metric) != new.get(metric):
                deltas.append((symbol, metric, old.get(metric), new.get(metric)))
    return deltas
