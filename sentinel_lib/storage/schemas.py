"""The columns of every table. What a bar is comes from the ``Bar`` model alone."""

from __future__ import annotations

import pyarrow as pa

from sentinel_lib.records.bar import DIGITS, SCALE, VALUE_COLUMNS, Bar

TEXT = pa.string()
INSTANT = pa.timestamp("us", tz="UTC")
VALUE = pa.decimal128(DIGITS, SCALE)
"""Prices and volumes."""
COUNT = pa.int64()

_BAR_TYPES = {"timestamp": INSTANT, **dict.fromkeys(VALUE_COLUMNS, VALUE)}
_BAR = [(name, _BAR_TYPES.get(name, TEXT)) for name in Bar.model_fields]
_PROVENANCE = [("payload", TEXT), ("layout", TEXT), ("line", COUNT)]
_RAW = [(name, TEXT) for name in ("symbol", "timestamp", *VALUE_COLUMNS)]

PUBLISHED_TABLES = ("silver.bars", "gold.daily", "gold.aggregates")
"""What readers rely on."""

RESTORED_TABLES = (*PUBLISHED_TABLES, "quarantine.bars")
"""What a rollback restores: a row that was promoted later waits again where it waited then."""

SCHEMAS: dict[str, pa.Schema] = {
    # one fetch of a payload for a run
    "bronze.fetches": pa.schema(
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
    # one row of a payload, as text
    "bronze.bars": pa.schema(
        [*_PROVENANCE, *_RAW, ("defect", TEXT), ("is_provisional", pa.bool_())]
    ),
    # one bar: key (symbol, interval, timestamp); fetched_as_of decides which correction wins
    "silver.bars": pa.schema([*_BAR, ("source", TEXT), ("fetched_as_of", INSTANT)]),
    "silver.candidate": pa.schema(
        [*_BAR, ("source", TEXT), ("fetched_as_of", INSTANT), ("change", TEXT)]
    ),
    # one refused row of a payload
    "quarantine.bars": pa.schema(
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
    # one asset's session
    "gold.daily": pa.schema(
        [
            ("symbol", TEXT),
            ("session", pa.date32()),
            *[(name, VALUE) for name in ("open", "high", "low", "close", "volume")],
            ("bar_count", COUNT),
        ]
    ),
}
