"""The content digest: equal for equal rows, whatever wrote them and in whatever order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

_SEPARATOR = "\x1f"
_NULL = "-"
_ROWS_AT_A_TIME = 1 << 17


def content_digest(rows: pa.Table, key: Sequence[str]) -> str:
    """sha256 over the schema and the rows, in the order of ``key`` and then of all their values."""
    digest = hashlib.sha256()
    for field in rows.schema:
        digest.update(f"{field.name}{_SEPARATOR}{field.type}\n".encode())
    others = [name for name in rows.column_names if name not in key]
    ordered = rows.sort_by([(column, "ascending") for column in (*key, *others)])
    for batch in ordered.to_batches(max_chunksize=_ROWS_AT_A_TIME):
        lines = pc.binary_join_element_wise(*map(_written, batch.columns), "")
        digest.update("\n".join(lines.to_pylist()).encode() + b"\n")
    return digest.hexdigest()


def _written(column: pa.Array) -> pa.Array:
    """Each value as its length and its text, so that no two rows are written alike."""
    text = column.cast(pa.string())
    size = pc.binary_length(text).cast(pa.string())
    return pc.fill_null(pc.binary_join_element_wise(size, text, ":"), _NULL)
