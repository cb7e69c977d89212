"""What every source does: a window in, payloads out; a payload in, raw bars out."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa

from sentinel_lib.ingestion.source_columns import SourceColumn
from sentinel_lib.records.bar import ISO_8601
from sentinel_lib.records.payload import FetchFailure, Payload, Window

LAYOUT_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Rejected:
    """A payload that could not be read, and why; ``symbol`` is the asset it is for, if known."""

    locator: str
    reason: str
    symbol: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One payload, opened: how it is read, and its rows.

    ``date_format`` is how its timestamps are written ('iso', 'excel', 'epoch_s' or the like, or a
    strptime pattern); ``timezone`` that of timestamps without an offset. ``terms`` is whatever else
    decides what the rows are, beside the bytes. ``bars`` reads them (``RAW_BARS``); it raises
    ``SourceError``. ``columns`` says which columns the payload has.

    ``words`` says how it is read. ``answers`` are what that rests on where the bytes leave it open,
    and ``shown`` the names of those that the bytes show: they answer for others of its ``place``.
    """

    source: str
    bars: Callable[[], pa.Table]
    columns: Callable[[], tuple[SourceColumn, ...]]
    date_format: str = ISO_8601
    timezone: str = "UTC"
    terms: Mapping[str, object] = field(default_factory=dict)
    words: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    place: str = ""

    @property
    def layout(self) -> str:
        """A short name for this way of reading: equal bytes and equal layout, equal rows."""
        decisive = [self.source, self.date_format, self.timezone, self.terms]
        written = json.dumps(decisive, sort_keys=True, ensure_ascii=False)
        return sha256(written.encode()).hexdigest()[:LAYOUT_LENGTH]

    @property
    def logged(self) -> str:
        """How it was read, as the fetch log keeps it; empty for a source with one way."""
        if not self.words:
            return ""
        content = {name: getattr(self, name) for name in ("words", "answers", "shown", "place")}
        return json.dumps(content, sort_keys=True, ensure_ascii=False)


class Source(ABC):
    """Where payloads come from, built from its ``options`` and the ``assets`` that share them.

    ``groups`` are all assets of sources of this kind, by the options that they share, in order.
    Unless a source says otherwise, each payload is of the one asset that it was requested for.
    """

    def __init__(
        self, options: Any, assets: Mapping[str, Any], groups: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self.options, self.assets, self.groups = options, assets, groups

    @abstractmethod
    def fetch(self, windows: Sequence[Window]) -> Iterator[Payload | FetchFailure | Rejected]:
        """What it has for ``windows``; one asset's failure does not stop the others."""

    @abstractmethod
    def read(self, payload: Payload) -> Reading:
        """Open a payload, stored or new; needs nothing else. Raises ``SourceError``."""

    def asset_of(self, payload: Payload) -> str | None:
        """The asset that a payload is for, as far as its request or its name tells."""
        return payload.symbol

    def serves(self, payload: Payload) -> bool:
        """Whether it would give this payload to its assets today."""
        return payload.symbol in self.assets

    def start_of(self, locator: str) -> datetime | None:
        """From when on ``locator`` requests bars (UTC); None if it cannot be requested again."""
        return None
