"""The columns that a payload came with, and what kind of values stand in them.

A text format says nothing of types, so there a column's kind is what most of its values look like.
Of a column that is read into bars up to ``SAMPLED_ROWS`` evenly spaced rows are looked at, of any
other the first ``SHOWN_ROWS``: always the same ones of the same bytes. Parquet and Feather declare
their types, and those count, whatever the values look like. Sources with a fixed schema state it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.ingestion.dialects.date_forms import looks_like_time
from sentinel_lib.records.bar import MISSING_WORDS, NUMBER_PATTERN, WHITESPACE

NUMBER, DATE, TEXT, EMPTY = "number", "date", "text", "empty"
SAMPLED_ROWS = 5_000
SHOWN_ROWS = 1_000

_DATE_PATTERN = r"^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T].*)?$"


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """One column of a payload.

    ``kind`` is ``number``, ``date``, ``text``, ``empty`` (no value at all) or the name of another
    Parquet type. ``fields`` are those of a bar that are read from it.
    """

    name: str
    kind: str
    fields: tuple[str, ...] = ()


def text_columns(
    names: Sequence[str],
    values: Sequence[pa.ChunkedArray],
    readers: Mapping[int, tuple[str, ...]],
) -> tuple[SourceColumn, ...]:
    """The columns of a file without types, of which ``readers`` names those that fields are read
    from: what their ``values`` look like.

    A symbol is text, even where it is made of digits.
    """

    def kind(at: int, fields: tuple[str, ...]) -> str:
        if "symbol" in fields:
            return TEXT
        column = values[at]
        if not fields:
            return kind_of(column.slice(0, SHOWN_ROWS))
        step = max(1, -(-len(column) // SAMPLED_ROWS))
        sampled = column.take(pa.array(np.arange(0, len(column), step))) if step > 1 else column
        seen = kind_of(sampled)
        if seen == EMPTY and step > 1:  # it may have a value in between
            seen = kind_of(column)
        return DATE if "timestamp" in fields and seen == TEXT and _are_times(sampled) else seen

    return tuple(
        SourceColumn(name, kind(at, fields), fields)
        for at, (name, fields) in enumerate(_named(names, readers))
    )


def declared_columns(
    names: Sequence[str], types: Sequence[pa.DataType], readers: Mapping[int, tuple[str, ...]]
) -> tuple[SourceColumn, ...]:
    """The columns of a file that declares their types."""
    return tuple(
        SourceColumn(name, _declared_kind(kind), fields)
        for (name, fields), kind in zip(_named(names, readers), types, strict=True)
    )


def fixed_columns(names: Sequence[str], positions: Mapping[str, int]) -> tuple[SourceColumn, ...]:
    """The columns of a source that states its schema: a time, and numbers."""
    readers = {place: (field,) for field, place in positions.items()}
    return tuple(
        SourceColumn(name, DATE if "timestamp" in fields else NUMBER, fields)
        for name, fields in _named(names, readers)
    )


def kind_of(values: pa.Array | pa.ChunkedArray) -> str:
    """What most of the values look like; of equally many a number before a date before a text."""
    written = pc.utf8_trim(values.drop_null(), characters=WHITESPACE)
    missing = pa.array(MISSING_WORDS, pa.string())
    written = written.filter(pc.invert(pc.is_in(pc.utf8_lower(written), missing)))
    if not len(written):
        return EMPTY
    counts = {
        kind: int(pc.sum(pc.match_substring_regex(written, pattern)).as_py())
        for kind, pattern in ((NUMBER, NUMBER_PATTERN), (DATE, _DATE_PATTERN))
    }
    counts[TEXT] = len(written) - sum(counts.values())
    return max(counts, key=lambda kind: counts[kind])


def columns_as_json(columns: Sequence[SourceColumn]) -> str:
    """The columns as one line of text, the same for the same columns in any order."""
    content = {
        column.name: {"fields": list(column.fields), "kind": column.kind} for column in columns
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def columns_of_json(text: str) -> tuple[SourceColumn, ...]:
    """What ``columns_as_json`` wrote, sorted by name."""
    return tuple(
        SourceColumn(name, column["kind"], tuple(column["fields"]))
        for name, column in json.loads(text).items()
    )


def _named(
    names: Sequence[str], readers: Mapping[int, tuple[str, ...]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Each column's name, a repeated one with its number, and the fields read from it."""
    columns, seen = [], dict.fromkeys(names, 0)
    for at, name in enumerate(names):
        seen[name] += 1
        fields = readers.get(at, ())
        columns.append((name if seen[name] == 1 else f"{name} ({seen[name]})", fields))
    return columns


def _are_times(values: pa.ChunkedArray) -> bool:
    texts = pc.unique(values.drop_null()).slice(0, SHOWN_ROWS).to_pylist()
    return sum(map(looks_like_time, texts)) * 2 > len(texts)


def _declared_kind(kind: pa.DataType) -> str:
    types = pa.types
    if types.is_dictionary(kind):
        return _declared_kind(kind.value_type)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return NUMBER
    if types.is_timestamp(kind) or types.is_date(kind):
        return DATE
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return TEXT
    return EMPTY if types.is_null(kind) else str(kind)
