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
        schema = _plain(rows.schema, pa.dictionary(pa.int32(), pa.string()))
        table = pa.Table.from_batches((one.cast(schema) for one in rows), schema)
        frame: pd.DataFrame = table.to_pandas(self_destruct=True, split_blocks=True)
        return frame
    frame = rows.cast(_plain(rows.schema)).to_pandas()
    return frame


def _plain(schema: pa.Schema, text: pa.DataType | None = None) -> pa.Schema:
    kinds = {}
    for field in schema:
        is_text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        kinds[field.name] = (
            pa.float64()
            if pa.types.is_decimal(field.type)
            else (text if is_text and text is not None else field.type)
        )
    return pa.schema(kinds)
