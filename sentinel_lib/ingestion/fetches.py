"""What a run has fetched, and what its payloads were read as."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from sentinel_lib.ingestion.source import Rejected, Source
from sentinel_lib.ingestion.source_columns import SourceColumn
from sentinel_lib.records.payload import FetchFailure, Payload


def _nothing_settled(_: str) -> Mapping[str, str]:
    return {}


@dataclass(slots=True)
class Fetched:
    """What the sources gave: payloads, each with the source that can read it, and what failed.

    ``settled`` gives the answers of the last good fetch of a place (``Reading.place``).
    """

    payloads: list[tuple[Payload, Source]] = field(default_factory=list)
    settled: Callable[[str], Mapping[str, str]] = _nothing_settled
    failures: list[FetchFailure] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LoggedPayload:
    """One line of the fetch log: which bytes came from where, and how they were read.

    ``payload`` is the sha256 of the bytes, ``bytes`` their number, ``rows`` that of the raw bars;
    ``symbol`` is the asset that was asked for, None where the rows name their own; ``symbols`` are
    those that the rows have, ``columns`` what the payload came with, ``reading`` how it was read
    (``Reading.logged``). ``as_of`` is when it was
    fetched, None for a fetch of this run.
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


@dataclass(frozen=True, slots=True)
class Parsed:
    """A batch as raw bars (``STORED_RAW_BARS``), its fetch log, and what could not be read."""

    bars: pa.Table
    log: list[LoggedPayload] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
