"""What a column of text is made of, told from its bytes as they lie in memory.

Of a million regular values this takes some hundredth of a second; a pattern for each takes most of
one. So patterns are for the values that these functions leave over.
"""

import numpy as np
import pyarrow as pa

_NINES = np.arange(256, dtype=np.uint8)
_NINES[ord("0") : ord("9") + 1] = ord("9")


def values_beyond(column: pa.ChunkedArray, characters: str) -> pa.ChunkedArray:
    """The values that have another character than these, which are of ASCII."""
    is_beyond = np.ones(256, np.bool_)
    is_beyond[list(characters.encode())] = False

    def rows(ends: np.ndarray, content: np.ndarray) -> np.ndarray:
        places = np.flatnonzero(is_beyond[content])
        return np.unique(np.searchsorted(ends, places, side="right"))

    return _taken(column, rows)


def values_of_another_form(column: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    """The values that are not written as ``form``, in which digits are nines, is."""
    expected = np.frombuffer(form.encode(), np.uint8)

    def rows(ends: np.ndarray, content: np.ndarray) -> np.ndarray:
        sizes = np.diff(ends, prepend=0)
        is_as_long = sizes == len(expected)
        alike = content if is_as_long.all() else content[np.repeat(is_as_long, sizes)]
        has_form = (_NINES[alike].reshape(-1, len(expected)) == expected).all(axis=1)
        is_other = ~is_as_long
        is_other[is_as_long] = ~has_form
        return np.flatnonzero(is_other)

    return _taken(column.drop_null(), rows) if len(expected) else column.drop_null()


def has_character(column: pa.ChunkedArray, character: str) -> bool:
    """Whether a character of ASCII is in any value."""
    return any((content == ord(character)).any() for _, content in map(_parts, column.chunks))


def _taken(column: pa.ChunkedArray, rows) -> pa.ChunkedArray:  # type: ignore[no-untyped-def]
    """The ``rows`` of each chunk, told from where its values end and from their bytes."""
    chunks = [chunk.take(pa.array(rows(*_parts(chunk)))) for chunk in column.chunks]
    return pa.chunked_array(chunks, column.type)


def _parts(chunk: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """Where each value ends, and the bytes of all of them one after another."""
    _, offsets, content = chunk.buffers()
    if not len(chunk):
        return np.empty(0, np.int32), np.empty(0, np.uint8)
    places = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    text = np.frombuffer(content or b"", np.uint8)[places[0] : places[-1]]
    return places[1:] - places[0], text
