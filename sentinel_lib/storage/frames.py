"""Arrow rows as pandas frames, for people and for gates."""

import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib.records.bar import plain_number


def frame_of(rows: pa.Table) -> pd.DataFrame:
    """The rows with exact decimals turned into floats, and absent values into NaN."""
    frame: pd.DataFrame = _with_floats(rows).to_pandas()
    return frame


def counts_of(column: pa.ChunkedArray) -> dict[str, int]:
    """How many rows have each value of a text column."""
    return {row["values"]: row["counts"] for row in column.value_counts().to_pylist()}


def first_rows(rows: Table, count: int = 5) -> pd.DataFrame:
    """A few rows to look at, exact decimals as text without trailing zeros."""
    frame: pd.DataFrame = rows.limit(count).to_pandas()
    kinds = rows.schema()
    exact = [name for name in frame.columns if kinds[name].is_decimal()]
    texts = {name: frame[name].map(plain_number, na_action="ignore") for name in exact}
    return frame.assign(**texts)


def _with_floats(rows: pa.Table) -> pa.Table:
    """The nearest float to each decimal: Arrow's own cast is one off in every third of them."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            nearest = rows.column(index).cast(pa.string()).cast(pa.float64())
            rows = rows.set_column(index, field.name, nearest)
    return rows
