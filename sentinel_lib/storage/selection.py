"""The rows of a table's files that a reader asks for."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.dataset as ds


def selected(
    dataset: ds.FileSystemDataset, columns: Sequence[str] | None, where: ds.Expression | None
) -> pa.Table:
    """The ``columns`` (all) of the rows for which ``where`` holds (all), in no particular order.

    A file that Delta has rewritten, for a merge or a deletion, stores its text as string views,
    which Arrow reads but cannot compare: its rows are given the table's types first.
    """
    names = list(columns) if columns else dataset.schema.names
    if where is None:
        return dataset.to_table(columns=names)
    fragments = list(dataset.get_fragments(filter=where))
    rewritten = [one for one in fragments if _has_views(one.physical_schema)]
    if not rewritten:
        return dataset.to_table(columns=names, filter=where)
    others = [one for one in fragments if one not in rewritten]
    plain = ds.FileSystemDataset(others, dataset.schema, dataset.format, dataset.filesystem)
    parts = [
        pa.Table.from_batches([batch]).filter(where).select(names)
        for fragment in rewritten
        for batch in fragment.to_batches(schema=dataset.schema)
    ]
    return pa.concat_tables([plain.to_table(columns=names, filter=where), *parts])


def _has_views(schema: pa.Schema) -> bool:
    return any(pa.types.is_string_view(kind) for kind in schema.types)
