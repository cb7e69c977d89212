"""The raw bar: a row as its source wrote it, before anyone has judged it; and tables of them.

``line`` is where it stands in its payload: the line of a text file as an editor shows it (the
header of a CSV is line 1), the row of a Parquet file or the place in a JSON array, from 1. The
symbol, the timestamp and the values are text; a column that the payload does not have is null, an
empty cell is an empty text. ``defect`` says what is wrong with the row as a row (too few values,
for instance) and is null for a sound one. ``is_provisional`` marks a bar that the source itself
says may still change.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

RAW_TEXT_COLUMNS = ("symbol", "timestamp", "open", "high", "low", "close", "volume", "adj_close")

PROVENANCE_COLUMNS = ("payload", "layout")
"""With ``line`` they name a raw row for ever: the sha256 of the bytes, and how they were read."""

RAW_BARS = pa.schema(
    [
        pa.field("line", pa.int64()),
        *(pa.field(name, pa.string()) for name in RAW_TEXT_COLUMNS),
        pa.field("defect", pa.string()),
        pa.field("is_provisional", pa.bool_()),
    ]
)
_REPEATED = pa.dictionary(pa.int32(), pa.string())
STORED_RAW_BARS = pa.schema(
    [*RAW_BARS, *(pa.field(name, _REPEATED) for name in PROVENANCE_COLUMNS)]
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
    if isinstance(lines, range):  # of which numpy would look at each number
        lines = np.arange(lines.start, lines.stop)  # type: ignore[assignment]
    columns["line"] = pa.array(lines, pa.int64())
    columns["defect"] = pa.nulls(count, pa.string()) if defects is None else defects
    columns["is_provisional"] = (
        pa.repeat(pa.scalar(False), count) if is_provisional is None else is_provisional
    )
    return pa.table([columns[name] for name in RAW_BARS.names], schema=RAW_BARS)


def with_provenance(readings: Mapping[tuple[str, ...], pa.Table]) -> pa.Table:
    """The raw bars of several readings, by their provenance, as one table (``STORED_RAW_BARS``)."""
    known = [pa.array(dict.fromkeys(names), pa.string()) for names in zip(*readings, strict=True)]
    tables = [STORED_RAW_BARS.empty_table()]
    for provenance, bars in readings.items():
        names = zip(known, provenance, strict=True)
        columns = [_repeated(name, values, len(bars)) for values, name in names]
        tables.append(pa.table([*bars.columns, *columns], schema=STORED_RAW_BARS))
    return pa.concat_tables(tables)


def _repeated(name: str, known: pa.Array, count: int) -> pa.Array:
    """A column of ``name`` alone; columns of the same ``known`` names go well together."""
    places = pa.repeat(pa.scalar(known.index(name).as_py(), pa.int32()), count)
    return pa.DictionaryArray.from_arrays(places, known)
