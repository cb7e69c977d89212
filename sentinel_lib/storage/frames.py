"""Arrow rows as pandas frames, for people and for gates."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa


def frame_of(rows: pa.Table | pa.RecordBatchReader) -> pd.DataFrame:
    """The rows with exact decimals turned into floats, and absent values into NaN.

    Of a reader only the floats are held, never all the decimals. Text that comes in pieces is made
    categories: each value is kept once.
    """
    if isinstance(rows, pa.RecordBatchReader):
        schema = _plain(rows.schema, text=pa.dictionary(pa.int32(), pa.string()))
        rows = pa.Table.from_batches((one.cast(schema) for one in rows), schema)
    else:
        rows = rows.cast(_plain(rows.schema))
    frame: pd.DataFrame = rows.to_pandas()
    return frame


def _plain(schema: pa.Schema, text: pa.DataType | None = None) -> pa.Schema:
    kinds = {field.name: field.type for field in schema}
    for name, kind in kinds.items():
        if pa.types.is_decimal(kind):
            kinds[name] = pa.float64()
        elif text is not None and pa.types.is_string(kind):
            kinds[name] = text
    return pa.schema(kinds)
