"""A file as a table of text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from sentinel_lib.errors import SourceError, counted

WRITE_AGAIN = "write the file again, or take it out of the input path"

_SHOWN_TEXT = 300


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file's rows as columns of text, each row with its line.

    ``header`` has the lines of names, none to three of them; ``defects`` what is wrong with a row
    as a row. ``types`` are those that a format declares, ``numeric`` the columns that hold numbers
    rather than texts of them. ``terms`` is what of the bytes decided how they are cut, and
    ``notes`` says in words what was left out.
    """

    header: list[list[str]]
    columns: list[pa.ChunkedArray]
    lines: Sequence[int]
    defects: pa.Array | None = None
    types: Sequence[pa.DataType] | None = None
    numeric: frozenset[int] = frozenset()
    terms: dict[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def head(self, at: int, count: int) -> pa.ChunkedArray:
        """The first values of a column."""
        return self.columns[at].slice(0, count)


def ragged(cells: Sequence[str], width: int, separator: str) -> str:
    """What is wrong with a row of another width than the header."""
    row = separator.join(cells)
    shown = row if len(row) <= _SHOWN_TEXT else f"{row[:_SHOWN_TEXT]}..."
    return f"{counted(len(cells), 'value')} where the header has {width} columns: {shown}"


def without_rows(locator: str, names: Sequence[str]) -> SourceError:
    """The error of a file that has a header and nothing below it."""
    return SourceError(
        f"{locator} has a header and no rows",
        observed=f"the columns {', '.join(names)}",
        next_step=WRITE_AGAIN,
    )
