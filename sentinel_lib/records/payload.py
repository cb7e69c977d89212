"""What is asked of a source, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Window:
    """The bars wanted of one asset: those that begin in ``[start, end]``, both UTC."""

    symbol: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Payload:
    """The exact bytes that a source gave, and where they came from.

    ``locator`` is a file name or an address without secrets. ``symbol`` is the asset it was asked
    for, or None where the payload itself names the symbols it holds. ``as_of`` is that of the run
    which fetched it, None for the present one. ``answers`` settle what the bytes leave open about
    how they are read: ``date_format``, ``decimal``, and the ``name`` of their file as a symbol.
    """

    source: str
    locator: str
    content: bytes
    symbol: str | None = None
    as_of: datetime | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """An asset that a source could not deliver, and why, in words.

    ``is_transient`` says whether asking again may help.
    """

    symbol: str
    reason: str
    is_transient: bool = False
