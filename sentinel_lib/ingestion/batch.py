"""One run's payloads: fetched from the sources, and read into raw bars."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.errors import Question, SourceError
from sentinel_lib.ingestion import files, kraken, simulated
from sentinel_lib.ingestion.fetches import Fetched, LoggedPayload, Parsed, place_of
from sentinel_lib.ingestion.raw_bars import with_provenance
from sentinel_lib.ingestion.source import Reading, Rejected, Source
from sentinel_lib.records.payload import FetchFailure, Payload, Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.input_files import files_at
from sentinel_lib.settings.sources import FilesOptions

SOURCES: dict[str, type[Source]] = {
    simulated.NAME: simulated.SimulatedSource,
    files.NAME: files.FilesSource,
    kraken.NAME: kraken.KrakenSource,
}
_ELSEWHERE = "restore the payload from a backup of the data folder"


def digest_of(content: bytes) -> str:
    """The name of a payload: the sha256 of its bytes, in hex."""
    return sha256(content).hexdigest()


def sources_of(assets: Mapping[str, Asset]) -> list[tuple[dict[str, Asset], Source]]:
    """Every source that ``assets`` need, each with the assets that share all its options."""
    groups: dict[tuple[str, str], dict[str, Asset]] = {}
    for symbol, asset in assets.items():
        groups.setdefault((asset.source, asset.options.model_dump_json()), {})[symbol] = asset
    sources = []
    for (name, _), group in groups.items():
        options = next(iter(group.values())).options
        of_source = [other for (source, _), other in groups.items() if source == name]
        sources.append((group, SOURCES[name](options, group, of_source)))
    return sources


def fetch(assets: Mapping[str, Asset], windows: Sequence[Window]) -> Fetched:
    """Ask each source for its assets' windows. An asset that fails does not stop the others.

    ``assets`` are all that are configured, for a source must know which rows are not its own;
    those without a window are not asked for.
    """
    fetched = Fetched()
    for group, source in sources_of(assets):
        wanted = [window for window in windows if window.symbol in group]
        if wanted:
            _collect(source, wanted, fetched)
    return fetched


def fetch_again(source: str, locator: str, asset: Asset | None, as_of: datetime) -> bytes:
    """What ``source`` has today for what it gave as ``locator`` at ``as_of``.

    ``asset`` is the one that was asked for, with the terms of that time; files are not asked for
    by asset. Raises ``SourceError`` if there is nothing, or it cannot be asked for in that way.
    """
    if source == files.NAME:
        return files.content_of(locator)
    if asset is not None and asset.source == source:
        ((_, origin),) = sources_of({asset.symbol: asset})
        if start := origin.start_of(locator):
            for answer in origin.fetch([Window(asset.symbol, start, as_of)]):
                if isinstance(answer, Payload):
                    return answer.content
                raise SourceError(answer.reason, next_step=_ELSEWHERE)
            raise SourceError(f"{source} no longer has a bar for {locator}", next_step=_ELSEWHERE)
    raise SourceError(f"{source} cannot be asked for {locator} again", next_step=_ELSEWHERE)


def read_files(options: FilesOptions, assets: Mapping[str, Asset] | None = None) -> Fetched:
    """The files under ``options.path``, whatever symbols they hold.

    ``assets`` serve to translate a ``source_symbol``. Raises ``SourceError`` if there is no file.
    """
    files_at(options.path)
    fetched = Fetched()
    _collect(files.FilesSource(options, assets or {}), [], fetched)
    return fetched


def parse(fetched: Fetched) -> Parsed:
    """Read every payload; one that cannot be read is rejected and does not stop the others.

    What one leaves open the others of its place answer, if they agree; else the last good fetch
    from there. Equal bytes read in the same way are read once, and logged for each place they came
    from.
    """
    tables: dict[tuple[str, ...], pa.Table] = {}
    logged: dict[tuple[str, ...], LoggedPayload] = {}
    log: list[LoggedPayload] = []
    rejected = list(fetched.rejected)
    for (payload, source), reading in zip(fetched.payloads, _readings(fetched), strict=True):
        if isinstance(reading, LoggedPayload):
            log.append(reading)
            continue
        try:
            if isinstance(reading, SourceError):
                raise reading
            key = (digest_of(payload.content), reading.layout)
            if key not in tables:
                tables[key] = reading.bars()
                logged[key] = _logged(key, payload, reading, tables[key])
        except SourceError as unreadable:
            symbol = source.asset_of(payload)
            rejected.append(Rejected(payload.locator, str(unreadable), symbol))
            continue
        if logged[key].rows:  # else all of them are rows of assets that read it otherwise
            place = place_of(payload)._asdict()
            log.append(replace(logged[key], **place, as_of=payload.as_of, reading=reading.logged))
    return Parsed(with_provenance(tables), log, rejected, tuple(fetched.unchanged.values()))


def _logged(
    key: tuple[str, str], payload: Payload, reading: Reading, bars: pa.Table
) -> LoggedPayload:
    rows_by_symbol = _rows_by_symbol(bars)
    return LoggedPayload(
        *key,
        **place_of(payload)._asdict(),
        bytes=len(payload.content),
        rows=len(bars),
        date_format=reading.date_format,
        timezone=reading.timezone,
        symbols=tuple(filter(None, rows_by_symbol)),
        columns=reading.columns(),
        rows_by_symbol=rows_by_symbol,
    )


def _readings(fetched: Fetched) -> list[Reading | SourceError | LoggedPayload]:
    """Every payload opened, or why it cannot be; or how an unchanged one was logged."""

    def opened(pair: tuple[Payload, Source]) -> Reading | SourceError | LoggedPayload:
        return fetched.unchanged.get(place_of(pair[0])) or _opened(*pair)

    with ThreadPoolExecutor() as threads:  # most of the work lets go of Python's lock
        readings = list(threads.map(opened, fetched.payloads))
    shown: dict[str, dict[str, set[str]]] = {}
    for reading in readings:
        if isinstance(reading, Reading):
            of_place = shown.setdefault(reading.place, {})
            for name in reading.shown:
                of_place.setdefault(name, set()).add(reading.answers[name])
    for at, (payload, source) in enumerate(fetched.payloads):
        question = readings[at]
        if isinstance(question, Question) and question.place:
            agreed = {
                name: values
                for name, values in shown.get(question.place, {}).items()
                if len(values) == 1
            }
            answers = {name: next(iter(values)) for name, values in agreed.items()}
            answers = {**fetched.settled(question.place), **answers, **payload.answers}
            readings[at] = _opened(replace(payload, answers=answers), source)
    return readings


def _opened(payload: Payload, source: Source) -> Reading | SourceError:
    try:
        return source.read(payload)
    except SourceError as unreadable:
        return unreadable


def symbols_in(parsed: Parsed) -> list[str]:
    """The symbols that the rows name, sorted; rows without one do not count."""
    return sorted({symbol for logged in parsed.log for symbol in logged.symbols})


def _rows_by_symbol(bars: pa.Table) -> dict[str, int]:
    """How many rows have each symbol, in their order; "" stands for none."""
    names = pc.fill_null(bars["symbol"], "").value_counts().to_pylist()
    return dict(sorted((name["values"], name["counts"]) for name in names))


def _collect(source: Source, windows: Sequence[Window], fetched: Fetched) -> None:
    for answer in source.fetch(windows):
        if isinstance(answer, Payload):
            fetched.payloads.append((answer, source))
        elif isinstance(answer, FetchFailure):
            fetched.failures.append(answer)
        else:
            fetched.rejected.append(answer)
