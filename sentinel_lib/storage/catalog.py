"""The tables: the columns and the key of each, and what is done with it.

What a bar is comes from the ``Bar`` model alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from sentinel_lib.records.bar import DIGITS, SCALE, VALUE_COLUMNS, Bar
from sentinel_lib.records.roles import (
    BRONZE_BARS,
    BRONZE_FETCHES,
    GOLD_AGGREGATES,
    GOLD_DAILY,
    OPS_CHECKS,
    OPS_FRESHNESS,
    OPS_QUARANTINE,
    OPS_STAGE_RUNS,
    QUARANTINE_BARS,
    SILVER_BARS,
    SILVER_CANDIDATE,
)

TEXT = pa.string()
INSTANT = pa.timestamp("us", tz="UTC")
VALUE = pa.decimal128(DIGITS, SCALE)
"""Prices and volumes."""
COUNT = pa.int64()

_BAR_TYPES = {"timestamp": INSTANT, **dict.fromkeys(VALUE_COLUMNS, VALUE)}
_SILVER = [
    *((name, _BAR_TYPES.get(name, TEXT)) for name in Bar.model_fields),
    ("source", TEXT),
    ("fetched_as_of", INSTANT),
]
_PROVENANCE = [("payload", TEXT), ("layout", TEXT), ("line", COUNT)]
_RAW = [(name, TEXT) for name in ("symbol", "timestamp", *VALUE_COLUMNS)]
_BAR_KEY = ("symbol", "interval", "timestamp")
_RAW_KEY = ("payload", "layout", "line")


@dataclass(frozen=True, slots=True)
class Table:
    """A table, no two rows of which have the same ``key``.

    ``schema`` is None where the columns follow from the rows that are written. Readers rely on a
    table that ``is_published``; a rollback restores one that ``is_restored``. ``called_by`` names
    a row to a person, in a table by which two runs are compared.
    """

    key: tuple[str, ...]
    schema: pa.Schema | None = None
    is_published: bool = False
    is_restored: bool = False
    called_by: tuple[str, ...] = ()


CATALOG: dict[str, Table] = {
    # one fetch of a payload for a run
    BRONZE_FETCHES: Table(
        key=("run_id", "payload", "layout", "locator"),
        schema=pa.schema(
            [
                ("run_id", TEXT),
                ("as_of", INSTANT),
                ("source", TEXT),
                ("locator", TEXT),
                ("symbol", TEXT),
                ("payload", TEXT),
                ("layout", TEXT),
                ("date_format", TEXT),
                ("timezone", TEXT),
                ("bytes", COUNT),
                ("rows", COUNT),
                ("symbols", TEXT),  # JSON: the symbols of its rows
                ("columns", TEXT),  # JSON: the source's columns, each with its kind and fields
            ]
        ),
    ),
    # one row of a payload, as text
    BRONZE_BARS: Table(
        key=_RAW_KEY,
        schema=pa.schema([*_PROVENANCE, *_RAW, ("defect", TEXT), ("is_provisional", pa.bool_())]),
    ),
    # one bar that may be published
    SILVER_CANDIDATE: Table(key=_BAR_KEY, schema=pa.schema([*_SILVER, ("change", TEXT)])),
    # one bar; fetched_as_of decides which correction wins
    SILVER_BARS: Table(
        key=_BAR_KEY,
        schema=pa.schema(_SILVER),
        is_published=True,
        is_restored=True,
        called_by=_BAR_KEY,
    ),
    # one asset's session
    GOLD_DAILY: Table(
        key=("symbol", "session"),
        schema=pa.schema(
            [
                ("symbol", TEXT),
                ("session", pa.date32()),
                *[(name, VALUE) for name in ("open", "high", "low", "close", "volume")],
                ("bar_count", COUNT),
            ]
        ),
        is_published=True,
        is_restored=True,
        called_by=("symbol", "session"),
    ),
    # one asset, a column a metric
    GOLD_AGGREGATES: Table(
        key=("symbol",), is_published=True, is_restored=True, called_by=("symbol",)
    ),
    # one quarantined row of a payload; restored, so that what was promoted later waits again
    QUARANTINE_BARS: Table(
        key=_RAW_KEY,
        schema=pa.schema(
            [
                ("asset", TEXT),
                ("rule", TEXT),
                ("reason", TEXT),
                ("file", TEXT),
                *_PROVENANCE,
                *_RAW,
                ("text", TEXT),
                ("is_provisional", pa.bool_()),
                ("fetched_as_of", INSTANT),
                ("judged_as_of", INSTANT),
                ("run_id", TEXT),
            ]
        ),
        is_restored=True,
        called_by=("asset", "file", "line", "rule"),
    ),
    OPS_STAGE_RUNS: Table(key=("run_id", "stage")),
    OPS_CHECKS: Table(key=("run_id", "stage", "name", "table", "symbol")),
    OPS_FRESHNESS: Table(key=("run_id", "symbol")),
    OPS_QUARANTINE: Table(key=("run_id", "stage", "rule")),
}
"""Every table by its name. Those of ``ops`` are about runs: a run that is monitored again replaces
its rows.
"""

PUBLISHED_TABLES = tuple(name for name, table in CATALOG.items() if table.is_published)
RESTORED_TABLES = tuple(name for name, table in CATALOG.items() if table.is_restored)

ABOUT_THE_RUN = ("source", "fetched_as_of", "judged_as_of", "run_id", "reason")
"""Columns that say when and by whom, not what: they make no difference between two runs."""


def schema_of(name: str) -> pa.Schema:
    """The columns of a table; None if they follow from what is written, or nobody lists it."""
    known = CATALOG.get(name)
    return known and known.schema
