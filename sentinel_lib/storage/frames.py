"""Arrow rows as pandas frames, for people and for gates."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib.records.bar import plain_number

Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)


def frame_of(rows: pa.Table | pa.RecordBatchReader) -> pd.DataFrame:
    """The rows with exact decimals turned into floats, and absent values into NaN.

    Of a reader only the floats are held, never all the decimals. Text that comes in pieces is made
    categories: each value is kept once.
    """
    if isinstance(rows, pa.RecordBatchReader):
        schema = _plain(rows.schema, text=pa.dictionary(pa.int32(), pa.string()))
        rows = pa.Table.from_batches((_with_floats(batch).cast(schema) for batch in rows), schema)
    else:
        rows = _with_floats(rows).cast(_plain(rows.schema))
    frame: pd.DataFrame = rows.to_pandas()
    return frame


def first_rows(rows: Table, count: int = 5) -> pd.DataFrame:
    """A few rows to look at, exact decimals as text without trailing zeros."""
    frame: pd.DataFrame = rows.limit(count).to_pandas()
    kinds = rows.schema()
    exact = [name for name in frame.columns if kinds[name].is_decimal()]
    return frame.assign(**{name: frame[name].map(_plain_text) for name in exact})


def _plain_text(value: Decimal | None) -> str | None:
    return None if value is None else plain_number(value)


def _with_floats(rows: Rows) -> Rows:
    """The nearest float to each decimal: Arrow's own cast is one off in every third of them."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            nearest = rows.column(index).cast(pa.string()).cast(pa.float64())
            rows = rows.set_column(index, field.name, nearest)
    return rows


def _plain(schema: pa.Schema, text: pa.DataType | None = None) -> pa.Schema:
    kinds = {field.name: field.type for field in schema}
    for name, kind in kinds.items():
        if pa.types.is_decimal(kind):
            kinds[name] = pa.float64()
        elif text is not None and pa.types.is_string(kind):
            kinds[name] = text
    return pa.schema(kinds)
