"""The content digest: equal for equal rows, whatever wrote them and in whatever order."""

import hashlib
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

_ROWS_AT_A_TIME = 1 << 17


def content_digest(rows: pa.Table, key: Sequence[str]) -> str:
    """sha256 over the schema and the rows, in the order of ``key`` and then of all their values."""
    digest = ordered_digest(rows.to_reader(), key)
    if digest is not None:
        return digest
    others = [name for name in rows.column_names if name not in key]
    ordered = rows.sort_by([(column, "ascending") for column in (*key, *others)])
    whole = _Digest(ordered.schema)
    for block in blocks(ordered.to_reader()):
        whole.add(block)
    return whole.text


def ordered_digest(rows: pa.RecordBatchReader, key: Sequence[str]) -> str | None:
    """The ``content_digest`` of rows that come in ascending order of ``key``, else None.

    Never all of the rows are held.
    """
    digest = OrderedDigest(rows.schema, key)
    for block in blocks(rows):
        digest.add(block)
    return digest.text


class OrderedDigest:
    """The ``content_digest`` of rows as they pass by, in blocks: None once a key is not greater
    than the one before it.
    """

    def __init__(self, schema: pa.Schema, key: Sequence[str]) -> None:
        self._digest, self._key = _Digest(schema), list(key)
        self._last: pa.Table | None = None
        self._is_ordered = True

    def add(self, block: pa.Table) -> None:
        """The next rows."""
        if not self._is_ordered or not len(block):
            return
        keys = block.select(self._key)
        self._is_ordered = _ascends(
            keys if self._last is None else pa.concat_tables([self._last, keys])
        )
        self._last = keys.slice(len(keys) - 1)
        if self._is_ordered:
            self._digest.add(block)

    @property
    def text(self) -> str | None:
        """The digest of all rows so far."""
        return self._digest.text if self._is_ordered else None


class _Digest:
    def __init__(self, schema: pa.Schema) -> None:
        self._sha256 = hashlib.sha256()
        for field in schema:
            self._sha256.update(f"{field.name}\x1f{field.type}\n".encode())

    def add(self, block: pa.Table) -> None:
        self._sha256.update(len(block).to_bytes(8, "little"))
        for column in block.columns:
            for part in _written(column.combine_chunks()):
                self._sha256.update(part)

    @property
    def text(self) -> str:
        return self._sha256.hexdigest()


def blocks(rows: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The rows in pieces of one size, however they come."""
    waiting = rows.schema.empty_table()
    for batch in rows:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        while len(waiting) >= _ROWS_AT_A_TIME:
            yield waiting.slice(0, _ROWS_AT_A_TIME)
            waiting = waiting.slice(_ROWS_AT_A_TIME)
    if len(waiting):
        yield waiting


def _ascends(keys: pa.Table) -> bool:
    """Whether each key is greater than the one before it: then there is only one order."""
    earlier, later = keys.slice(0, max(0, len(keys) - 1)), keys.slice(1)
    is_greater = pa.repeat(False, len(later))
    for name in reversed(keys.column_names):
        before, after = earlier[name].combine_chunks(), later[name].combine_chunks()
        is_same_so_far = pc.and_(pc.equal(before, after), is_greater)
        is_greater = pc.or_(pc.less(before, after), is_same_so_far)
    return is_greater.null_count == 0 and bool(pc.all(is_greater, min_count=0).as_py())


def _written(column: pa.Array) -> Iterator[memoryview]:
    """Which values are there, then those that are: of texts their sizes and then the texts.

    No two columns with equal numbers of rows and equal types are written alike.
    """
    yield _bytes_of(column.is_valid().cast(pa.uint8()))
    values = column.drop_null()
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        yield _bytes_of(pc.binary_length(values))
        yield _text_of(values.cast(pa.large_string()))
    else:
        yield _bytes_of(values)


def _bytes_of(values: pa.Array) -> memoryview:
    """The values as they lie in memory, one after another, each of the same size."""
    size = values.type.bit_width // 8
    _, buffer = values.buffers()
    return memoryview(buffer)[values.offset * size : (values.offset + len(values)) * size]


def _text_of(values: pa.Array) -> memoryview:
    """The texts one after another, in UTF-8."""
    _, offsets, text = values.buffers()
    ends = memoryview(offsets).cast("q")[values.offset : values.offset + len(values) + 1]
    return memoryview(text or b"")[ends[0] : ends[-1]] if len(values) else memoryview(b"")
