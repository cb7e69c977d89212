"""Arrow rows as pandas frames, for people and for gates."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa


def frame_of(rows: pa.Table) -> pd.DataFrame:
    """The rows with exact decimals turned into floats, and absent values into NaN."""
    columns = {
        name: rows[name].cast(pa.float64()) if pa.types.is_decimal(rows[name].type) else rows[name]
        for name in rows.column_names
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame
