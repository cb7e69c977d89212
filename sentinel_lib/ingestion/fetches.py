"""What a run has fetched, and what its payloads were read as."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from sentinel_lib.ingestion.source import Rejected, Source
from sentinel_lib.ingestion.source_columns import SourceColumn
from sentinel_lib.records.payload import FetchFailure, Payload


def _nothing_settled(_: str) -> Mapping[str, str]:
    return {}


class Place(NamedTuple):
    """Where a payload comes from: of several fetches of a place the latest counts."""

    source: str
    locator: str
    symbol: str | None


def place_of(payload: Payload) -> Place:
    """The place of a payload."""
    return Place(payload.source, payload.locator, payload.symbol)


@dataclass(slots=True)
class Fetched:
    """What the sources gave: payloads, each with the source that can read it, and what failed.

    ``settled`` gives the answers of the last good fetch of files written alike (``Reading.place``).
    Of ``unchanged`` ones it is known how they were logged, and they are not read.
    """

    payloads: list[tuple[Payload, Source]] = field(default_factory=list)
    settled: Callable[[str], Mapping[str, str]] = _nothing_settled
    failures: list[FetchFailure] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unchanged: "dict[Place, LoggedPayload]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoggedPayload:
    """One line of the fetch log: which bytes came from where, and how they were read.

    ``payload`` is the sha256 of the bytes, ``bytes`` their number, ``rows`` that of the raw bars;
    ``symbol`` is the asset that was asked for, None where the rows name their own; ``symbols`` are
    those that the rows have, ``rows_by_symbol`` how many have each ("" for none), ``columns`` what
    the payload came with, ``reading`` how it was read (``Reading.logged``). ``as_of`` is when it
    was fetched, None for a fetch of this run.
    """

    payload: str
    layout: str
    source: str
    locator: str
    symbol: str | None
    bytes: int
    rows: int
    date_format: str
    timezone: str
    symbols: tuple[str, ...]
    columns: tuple[SourceColumn, ...]
    reading: str = ""
    as_of: datetime | None = None
    rows_by_symbol: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A batch as raw bars (``STORED_RAW_BARS``), its fetch log, and what could not be read. Of
    ``unchanged`` payloads, which are in the log too, there are no raw bars.
    """

    bars: pa.Table
    log: list[LoggedPayload] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unchanged: tuple[LoggedPayload, ...] = ()

    @property
    def unchanged_rows(self) -> dict[str, int]:
        """How many rows of unchanged payloads have each symbol ("" for none)."""
        counts = Counter[str]()
        for reading in {(each.payload, each.layout): each for each in self.unchanged}.values():
            counts.update(reading.rows_by_symbol)
        return dict(counts)
