"""Raw bars as an Arrow table: the schema, and how a reader's columns become one."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from sentinel_lib.records.raw_bar import PROVENANCE_COLUMNS, RAW_TEXT_COLUMNS

RAW_BARS = pa.schema(
    [
        pa.field("line", pa.int64()),
        *(pa.field(name, pa.string()) for name in RAW_TEXT_COLUMNS),
        pa.field("defect", pa.string()),
        pa.field("is_provisional", pa.bool_()),
    ]
)
STORED_RAW_BARS = pa.schema(
    [*RAW_BARS, *(pa.field(name, pa.string()) for name in PROVENANCE_COLUMNS)]
)


def raw_bars(
    lines: Sequence[int],
    values: Mapping[str, pa.Array],
    *,
    symbol: str | None = None,
    defects: pa.Array | None = None,
    is_provisional: pa.Array | None = None,
) -> pa.Table:
    """One row per line. ``values`` holds the text columns that the payload has; the others are
    null. ``symbol`` is that of every row, where the rows do not name it themselves.
    """
    count = len(lines)
    columns = dict(values)
    if symbol is not None:
        columns["symbol"] = pa.repeat(pa.scalar(symbol, pa.string()), count)
    for name in RAW_TEXT_COLUMNS:
        columns.setdefault(name, pa.nulls(count, pa.string()))
    columns["line"] = pa.array(lines, pa.int64())
    columns["defect"] = pa.nulls(count, pa.string()) if defects is None else defects
    columns["is_provisional"] = (
        pa.repeat(pa.scalar(False), count) if is_provisional is None else is_provisional
    )
    return pa.table([columns[name] for name in RAW_BARS.names], schema=RAW_BARS)
