"""What a change of a table is made of: rows with its types, and the files that they replace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import and_
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sentinel_lib.errors import StorageError
from sentinel_lib.storage import data_files
from sentinel_lib.storage.catalog import TEXT, schema_of
from sentinel_lib.storage.delta_log import DeltaLog

Rows: TypeAlias = pa.Table | pa.RecordBatchReader
"""All at once, or piece by piece."""

Kept: TypeAlias = Callable[[pa.Table], pa.Table]
"""What stays of rows."""


def commit(
    log: DeltaLog,
    rows: Rows,
    removed: list[str] | None,
    metadata: Mapping[str, str],
    *,
    is_due: bool = True,
) -> None:
    """Write ``rows`` and commit them, without the files ``removed`` (None: without any other).

    Where it is not due, there is no commit unless files are removed; which ones may become known
    while the rows are written.
    """
    log.folder.mkdir(parents=True, exist_ok=True)
    reader = rows.to_reader() if isinstance(rows, pa.Table) else rows
    added = list(data_files.write_files(log.folder, log.version + 1, reader))
    if is_due or removed:
        log.commit(added, removed, reader.schema, metadata)


def rows_without(where: ds.Expression) -> Kept:
    """What stays of a table's rows if those go for which ``where`` holds."""
    others = ~(where.is_valid() & where)  # where it is null, it does not hold
    return lambda rows: rows.filter(others)


def rows_without_keys(keys: pa.Table) -> Kept:
    """What stays of a table's rows if those go whose key is one of ``keys``."""
    names = keys.column_names
    return lambda rows: rows.join(keys, names, join_type="left anti", use_threads=False)


def between(keys: pa.Table) -> ds.Expression:
    """Where the values of each column lie between the least and the greatest of ``keys``."""
    ends = ((ds.field(name), pc.min_max(keys[name])) for name in keys.column_names)
    return reduce(and_, ((name >= end["min"]) & (name <= end["max"]) for name, end in ends))


def typed(log: DeltaLog, rows: Rows, *, is_replaced: bool = False) -> Rows:
    """``rows`` with the types of the table, which has one type of text; else a ``StorageError``."""
    given = [
        field.with_type(TEXT) if field.type == pa.large_string() else field for field in rows.schema
    ]
    stored = None if is_replaced else log.schema()
    schema = schema_of(log.name) or stored or pa.schema(given)
    if sorted(rows.schema.names) != sorted(schema.names):
        raise StorageError(
            f"the rows do not have the columns of table {log.name}",
            observed=", ".join(rows.schema.names),
            expected=", ".join(schema.names),
            next_step="look at which columns the cell of the notebook writes",
        )
    if stored is not None and stored != schema:
        raise StorageError(
            f"table {log.name} was written with other types than this release uses",
            next_step="python run_pipeline.py upgrade",
        )
    if isinstance(rows, pa.RecordBatchReader):
        batches = (batch.select(schema.names).cast(schema) for batch in rows)
        return pa.RecordBatchReader.from_batches(schema, batches)
    try:
        return rows.select(schema.names).cast(schema)
    except pa.ArrowException as misfit:
        raise StorageError(
            f"the rows do not fit table {log.name}: {misfit}",
            next_step="look at which values the cell of the notebook writes",
        ) from misfit
