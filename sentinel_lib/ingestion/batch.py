"""One run's payloads: fetched from the sources, and read into raw bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion.raw_bars import STORED_RAW_BARS
from sentinel_lib.ingestion.source import Rejected, Source
from sentinel_lib.ingestion.source_columns import SourceColumn
from sentinel_lib.records.payload import FetchFailure, Payload, Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.sources import FilesOptions, KrakenOptions, SimulatedOptions


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the sources gave: payloads, each with the source that can read it, and what failed."""

    payloads: list[tuple[Payload, Source]] = field(default_factory=list)
    failures: list[FetchFailure] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LoggedPayload:
    """One line of the fetch log: which bytes came from where, and how they were read.

    ``payload`` is the sha256 of the bytes, ``bytes`` their number, ``rows`` that of the raw bars;
    ``symbol`` is the asset that was asked for, None where the rows name their own; ``symbols`` are
    those that the rows have, ``columns`` what the payload came with.
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


@dataclass(frozen=True, slots=True)
class Parsed:
    """A batch as raw bars (``STORED_RAW_BARS``), its fetch log, and what could not be read."""

    bars: pa.Table
    log: list[LoggedPayload] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def digest_of(content: bytes) -> str:
    """The name of a payload: the sha256 of its bytes, in hex."""
    return sha256(content).hexdigest()


def sources_of(assets: Mapping[str, Asset]) -> list[tuple[dict[str, Asset], Source]]:
    """Every source that ``assets`` need, each with the assets that share its options."""
    groups = _by_source(assets)
    return [(group, _source_of(group, groups)) for group in groups]


def _source_of(assets: Mapping[str, Asset], groups: Sequence[Mapping[str, Asset]]) -> Source:
    """The source of one of the ``groups``. Its module is imported only here."""
    options = next(iter(assets.values())).options
    if isinstance(options, SimulatedOptions):
        from sentinel_lib.ingestion.simulated import SimulatedSource

        return SimulatedSource(options, assets)
    if isinstance(options, FilesOptions):
        from sentinel_lib.ingestion.files import FilesSource

        return FilesSource(options, assets, [one for one in groups if _reads_files(one)])
    if isinstance(options, KrakenOptions):
        from sentinel_lib.ingestion.kraken import KrakenSource

        return KrakenSource(options, assets)
    raise TypeError(f"no source has the options {type(options).__name__}")


def fetch(assets: Mapping[str, Asset], windows: Sequence[Window]) -> Fetched:
    """Ask each source for its assets' windows. An asset that fails does not stop the others.

    ``assets`` are all that are configured, for a source must know whose rows are none of its own;
    those without a window are not asked for.
    """
    fetched = Fetched()
    for group, source in sources_of(assets):
        wanted = [window for window in windows if window.symbol in group]
        if wanted:
            _collect(source, wanted, fetched)
    return fetched


def read_files(options: FilesOptions, assets: Mapping[str, Asset] | None = None) -> Fetched:
    """The files under ``options.path``, whatever symbols they hold.

    ``assets`` serve to translate a ``source_symbol``. Without a file it raises ``SourceError``.
    """
    from sentinel_lib.ingestion.files import FilesSource
    from sentinel_lib.settings.input_files import matching

    matching(options.path)
    fetched = Fetched()
    _collect(FilesSource(options, assets or {}), [], fetched)
    return fetched


def parse(fetched: Fetched) -> Parsed:
    """Read every payload; one that cannot be read is rejected and does not stop the others.

    Equal bytes read in the same way are read once, and logged for each place they came from.
    """
    tables: dict[tuple[str, str], pa.Table] = {}
    columns: dict[tuple[str, str], tuple[SourceColumn, ...]] = {}
    log: list[LoggedPayload] = []
    rejected = list(fetched.rejected)
    for payload, source in fetched.payloads:
        try:
            reading = source.read(payload)
            key = (digest_of(payload.content), reading.layout)
            if key not in tables:
                tables[key] = _with_provenance(reading.bars(), *key)
                columns[key] = reading.columns(tables[key])
        except SourceError as unreadable:
            symbol = source.asset_of(payload)
            rejected.append(Rejected(payload.locator, str(unreadable), symbol))
            continue
        if not tables[key].num_rows:  # all of them are rows of assets that read it otherwise
            continue
        log.append(
            LoggedPayload(
                *key,
                source=payload.source,
                locator=payload.locator,
                symbol=payload.symbol,
                bytes=len(payload.content),
                rows=tables[key].num_rows,
                date_format=reading.date_format,
                timezone=reading.timezone,
                symbols=tuple(_symbols(tables[key])),
                columns=columns[key],
            )
        )
    bars = pa.concat_tables([STORED_RAW_BARS.empty_table(), *tables.values()])
    return Parsed(bars, log, rejected)


def symbols_in(parsed: Parsed) -> list[str]:
    """The symbols that the rows name, sorted; rows without one do not count."""
    return _symbols(parsed.bars)


def _symbols(bars: pa.Table) -> list[str]:
    return sorted(symbol for symbol in pc.unique(bars["symbol"]).to_pylist() if symbol)


def _by_source(assets: Mapping[str, Asset]) -> list[dict[str, Asset]]:
    """The assets that have their source and all its options in common."""
    groups: dict[tuple[str, str], dict[str, Asset]] = {}
    for symbol, asset in assets.items():
        key = (asset.source, asset.options.model_dump_json())
        groups.setdefault(key, {})[symbol] = asset
    return list(groups.values())


def _reads_files(group: Mapping[str, Asset]) -> bool:
    return all(isinstance(asset.options, FilesOptions) for asset in group.values())


def _collect(source: Source, windows: Sequence[Window], fetched: Fetched) -> None:
    for answer in source.fetch(windows):
        if isinstance(answer, Payload):
            fetched.payloads.append((answer, source))
        elif isinstance(answer, FetchFailure):
            fetched.failures.append(answer)
        else:
            fetched.rejected.append(answer)


def _with_provenance(bars: pa.Table, payload: str, layout: str) -> pa.Table:
    names = [pa.repeat(pa.scalar(value, pa.string()), bars.num_rows) for value in (payload, layout)]
    return pa.table([*bars.columns, *names], schema=STORED_RAW_BARS)
