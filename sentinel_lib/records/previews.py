"""How a file would be read, and what its bars tell: what ``inspect`` answers."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """A column: what it holds, and the fields that are read from it."""

    name: str
    kind: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeriesPreview:
    """The bars of one symbol: times as written, ``missing`` counts sessions between them that have
    none.

    ``fits`` is an exchange whose sessions are those of the bars, "" where none is or all weekdays
    have one; ``question`` what the bars leave open.
    """

    symbol: str
    bars: int
    first: str
    last: str
    interval: str
    calendar: str
    fields: str
    missing: int
    fits: str
    question: str


@dataclass(frozen=True, slots=True)
class FilePreview:
    """A file: how it would be read, and the ``yaml`` that fixes it; or the ``question`` why not."""

    file: str
    words: str = ""
    question: str = ""
    columns: tuple[ColumnPreview, ...] = ()
    series: list[SeriesPreview] = field(default_factory=list)
    rows: int = 0
    symbols_pattern: str = ""
    yaml: str = ""
