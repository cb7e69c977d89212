"""The tables: the columns and the key of each, and what is done with it.

What a bar is comes from the ``Bar`` model alone.
"""

from dataclasses import dataclass

import pyarrow as pa

from sentinel_lib.records import roles
from sentinel_lib.records.bar import DIGITS, SCALE, VALUE_COLUMNS, Bar

TEXT = pa.string()
INSTANT = pa.timestamp("us", tz="UTC")
VALUE = pa.decimal128(DIGITS, SCALE)
"""Prices and volumes."""
COUNT = pa.int64()

ABOUT_THE_RUN = ("source", "fetched_as_of", "judged_as_of", "run_id", "reason")
"""Columns that say when and by whom, not what: they make no difference between two runs."""

_TYPES = {
    **dict.fromkeys(("as_of", "fetched_as_of", "judged_as_of"), INSTANT),
    **dict.fromkeys(("line", "bytes", "rows", "bar_count"), COUNT),
    "session": pa.date32(),
    "is_provisional": pa.bool_(),
}
_VALUES = dict.fromkeys(VALUE_COLUMNS, VALUE)
_BAR_KEY = ("symbol", "interval", "timestamp")
_PROVENANCE = ("payload", "layout", "line")
_RAW_KEY = (*_PROVENANCE, "symbol")
"""A line has several rows where series stand beside each other."""
_RAW = ("symbol", "timestamp", *VALUE_COLUMNS)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, no two rows of which have the same ``key``.

    ``schema`` is None where the columns follow from the rows that are written. Readers rely on a
    table that ``is_published``. One that ``is_restored`` is what a rollback restores, and what two
    runs are compared by; ``called_by`` names its rows to a person, if its key does not.
    """

    key: tuple[str, ...]
    schema: pa.Schema | None = None
    is_published: bool = False
    is_restored: bool = False
    called_by: tuple[str, ...] = ()


def _schema(*columns: str, **types: pa.DataType) -> pa.Schema:
    """Columns of their usual types: of text, if they are not in ``_TYPES``; else of ``types``."""
    return pa.schema({name: types.get(name, _TYPES.get(name, TEXT)) for name in columns})


_SILVER = _schema(*Bar.model_fields, "source", "fetched_as_of", timestamp=INSTANT, **_VALUES)

CATALOG: dict[str, Table] = {
    # one fetch of a payload for a run; symbols: the rows of each, columns: those of the source,
    # each with its kind and fields, reading: how it was read, all as JSON
    roles.BRONZE_FETCHES: Table(
        key=("run_id", "source", "locator", "symbol", "payload", "layout"),
        schema=_schema(
            *("run_id", "as_of", "source", "locator", "symbol", "payload", "layout"),
            *("date_format", "timezone", "bytes", "rows", "symbols", "columns", "reading"),
        ),
    ),
    # one row of a payload, as text
    roles.BRONZE_BARS: Table(
        key=_RAW_KEY, schema=_schema(*_PROVENANCE, *_RAW, "defect", "is_provisional")
    ),
    # one bar that validate proposes: its files become those of Silver
    roles.SILVER_CANDIDATE: Table(key=_BAR_KEY, schema=_SILVER),
    # one bar; fetched_as_of decides which correction wins
    roles.SILVER_BARS: Table(_BAR_KEY, _SILVER, is_published=True, is_restored=True),
    # one asset's session
    roles.GOLD_DAILY: Table(
        key=("symbol", "session"),
        schema=_schema(
            "symbol", "session", "open", "high", "low", "close", "volume", "bar_count", **_VALUES
        ),
        is_published=True,
        is_restored=True,
    ),
    # one asset; a column a metric
    roles.GOLD_AGGREGATES: Table(key=("symbol",), is_published=True, is_restored=True),
    # one quarantined row of a payload; restored, so that one that was promoted later waits again
    roles.QUARANTINE_BARS: Table(
        key=_RAW_KEY,
        schema=_schema(
            *("asset", "rule", "reason", "file", *_PROVENANCE, *_RAW, "text"),
            *("is_provisional", "fetched_as_of", "judged_as_of", "run_id"),
        ),
        is_restored=True,
        called_by=("asset", "file", "line", "rule"),
    ),
    # about a run, which replaces its rows when it is monitored again
    roles.OPS_STAGE_RUNS: Table(key=("run_id", "stage")),
    roles.OPS_CHECKS: Table(key=("run_id", "stage", "name", "table", "symbol")),
    roles.OPS_FRESHNESS: Table(key=("run_id", "symbol")),
    roles.OPS_QUARANTINE: Table(key=("run_id", "stage", "rule")),
}
"""Every table, by its name."""

PUBLISHED_TABLES = tuple(name for name, table in CATALOG.items() if table.is_published)
RESTORED_TABLES = tuple(name for name, table in CATALOG.items() if table.is_restored)


def schema_of(name: str) -> pa.Schema:
    """The columns of a table; None if they follow from what is written, or nobody lists it."""
    known = CATALOG.get(name)
    return known and known.schema
