"""What a change of a table is made of: rows with its types, and which others they replace."""

from collections.abc import Callable
from functools import reduce
from operator import and_
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.catalog import TEXT, schema_of
from sentinel_lib.storage.delta_log import DeltaLog, Rows

Kept: TypeAlias = Callable[[pa.Table], pa.Table]
"""What stays of rows."""


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
    stored = None
    if log.table is not None and not is_replaced:
        stored = pa.schema(log.table.schema().to_arrow())
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
