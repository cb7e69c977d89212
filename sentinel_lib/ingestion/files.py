"""The files source: CSV, gzipped CSV and Parquet under a path."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion import columns, delimited, parquet
from sentinel_lib.ingestion.source import Reading, Rejected
from sentinel_lib.ingestion.source_columns import (
    SourceColumn,
    declared_columns,
    text_columns,
)
from sentinel_lib.records.bar import ISO_8601
from sentinel_lib.records.payload import FetchFailure, Payload, Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.input_files import covers, matching
from sentinel_lib.settings.project import PROJECT_ROOT, in_project
from sentinel_lib.settings.sources import FilesOptions

NAME = "files"
LARGEST_UNPACKED_BYTES = 4 * 2**30

_GZIP_MAGIC = b"\x1f\x8b"


class FilesSource:
    """Every file that ``options.path`` matches, read anew at each run, whatever the windows.

    A row's symbol is that of its symbol column; an asset's ``source_symbol`` is translated into its
    symbol. A file without such a column is of the asset whose ``path`` is this very file, or else
    of the one that it is named after.

    ``groups`` are the assets of all files sources, in order, ``assets`` among them. A file that is
    the ``path`` of one group is none of a group that has it only in its folder. Where several read
    one file, each gets the rows of its own assets, and the first those of no asset.
    """

    def __init__(
        self,
        options: FilesOptions,
        assets: Mapping[str, Asset],
        groups: Sequence[Mapping[str, Asset]] = (),
    ) -> None:
        self._options = options
        self._assets = assets
        self._symbols = {asset.asked_as: symbol for symbol, asset in assets.items()}
        self._groups = groups

    def fetch(self, windows: Sequence[Window]) -> Iterator[Payload | FetchFailure | Rejected]:
        """One payload per file. A path without files fails every asset that has a window."""
        try:
            paths = matching(self._options.path)
        except SourceError as missing:
            yield from (FetchFailure(window.symbol, str(missing)) for window in windows)
            return
        for path in paths:
            if not self._is_of_another(locator_of(path)):
                yield self._payload(path)

    def read(self, payload: Payload) -> Reading:
        """Open one file by what is in it; its name only matters for the symbol."""
        content, where = payload.content, payload.locator
        if content[: len(parquet.MAGIC)] == parquet.MAGIC:
            schema = parquet.schema_of(content, where)
            positions = columns.match(schema.names, self._options.columns, where)
            is_iso = parquet.writes_iso(schema.types[positions["timestamp"]])
            date_format = ISO_8601 if is_iso else self._options.date_format
            rows = partial(parquet.read_rows, content, positions, where)
            schema_columns = declared_columns(schema, positions)
            return self._reading(
                payload, positions, rows, lambda _: schema_columns, date_format=date_format
            )
        text = _unpacked(content, where)
        header = delimited.header_of(text, self._options.delimiter, where)
        positions = columns.match(header.names, self._options.columns, where)
        rows = partial(delimited.read_rows, text, header, positions, where)
        return self._reading(
            payload,
            positions,
            rows,
            partial(_text_columns, text, header, positions, where),
            date_format=self._options.date_format,
            delimiter=header.delimiter,
        )

    def asset_of(self, payload: Payload) -> str | None:
        """The one whose own file it is, or that it is named after, if any."""
        return self._asset_named(payload.locator)

    def serves(self, payload: Payload) -> bool:
        """Whether ``options.path`` stands for this file."""
        return covers(self._options.path, payload.locator) and not self._is_of_another(
            payload.locator
        )

    def _reading(
        self,
        payload: Payload,
        positions: dict[str, int],
        rows: partial[pa.Table],
        found: Callable[[pa.Table], tuple[SourceColumn, ...]],
        *,
        date_format: str,
        **terms: object,
    ) -> Reading:
        translated = {name: symbol for name, symbol in self._symbols.items() if name != symbol}
        if "symbol" in positions:
            named: object = translated
            bars = partial(_with_symbols, rows, translated)
        else:
            named = symbol = self._symbol_of(payload.locator)
            bars = partial(rows, symbol=symbol)
        terms |= {"columns": positions, "symbol": named}
        readers = self._readers(payload.locator)
        others = [group for group in readers if group is not self._assets]
        if others:
            names = sorted({name for group in others for name in _names_in(group)})
            takes_unlisted = readers[0] is self._assets
            bars = partial(_own_rows, bars, list(self._assets), names, takes_unlisted)
            terms |= {"others": names, "takes_unlisted": takes_unlisted}
        return Reading(
            source=NAME,
            bars=bars,
            columns=found,
            date_format=date_format,
            timezone=self._options.timezone,
            terms=terms,
        )

    def _payload(self, path: Path) -> Payload | Rejected:
        locator = locator_of(path)
        try:
            return Payload(source=NAME, locator=locator, content=path.read_bytes())
        except OSError as failed:
            unreadable = SourceError(
                f"{locator} cannot be read: {failed.strerror or failed}",
                next_step="fix its permissions, or take it out of the input path",
            )
            return Rejected(locator, str(unreadable), self._asset_named(locator))

    def _symbol_of(self, locator: str) -> str:
        if len(self._assets) == 1 and self._groups and self._has_to_itself(locator):
            return next(iter(self._assets))
        name = stem(locator)
        return self._symbols.get(name, name)

    def _has_to_itself(self, locator: str) -> bool:
        return [group is self._assets for group in _whose_own(locator, self._groups)] == [True]

    def _is_of_another(self, locator: str) -> bool:
        """Whether other assets name this very file, and these do not."""
        owners = _whose_own(locator, self._groups)
        return bool(owners) and not any(group is self._assets for group in owners)

    def _readers(self, locator: str) -> Sequence[Mapping[str, Asset]]:
        """The groups that read a file, in order."""
        reached = [group for group in self._groups if covers(_path_of(group), locator)]
        return _whose_own(locator, self._groups) or reached

    def _asset_named(self, locator: str) -> str | None:
        symbol = self._symbol_of(locator)
        return symbol if symbol in self._assets else None


def _path_of(group: Mapping[str, Asset]) -> Path:
    options = next(iter(group.values())).options
    return options.path if isinstance(options, FilesOptions) else Path()


def _whose_own(locator: str, groups: Sequence[Mapping[str, Asset]]) -> list[Mapping[str, Asset]]:
    """The groups whose path is this very file."""
    file = in_project(locator)
    return [group for group in groups if in_project(_path_of(group)) == file]


def _names_in(group: Mapping[str, Asset]) -> set[str]:
    return {*group, *(asset.asked_as for asset in group.values())}


def locator_of(path: Path) -> str:
    """How logs and reports name a file: from the project's root, where it is below that."""
    return str(path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path)


def stem(locator: str) -> str:
    """The file name without its folder and its suffixes: ``AAPL`` of ``in/AAPL.csv.gz``."""
    return re.sub(r"(\.csv|\.parquet)?(\.gz)?$", "", Path(locator).name, flags=re.IGNORECASE)


def _text_columns(
    text: bytes,
    header: delimited.Header,
    positions: dict[str, int],
    where: str,
    bars: pa.Table,
) -> tuple[SourceColumn, ...]:
    unread = set(range(len(header.names))) - set(positions.values())
    others = delimited.first_values(text, header, unread, where) if unread else {}
    return text_columns(header.names, positions, bars, others)


def _with_symbols(rows: partial[pa.Table], translated: Mapping[str, str]) -> pa.Table:
    table = rows()
    at = table.schema.get_field_index("symbol")
    stripped = pc.fill_null(pc.utf8_trim_whitespace(table.column(at)), "")
    words = stripped.combine_chunks().dictionary_encode()
    names = [translated.get(name, name) for name in words.dictionary.to_pylist()]
    symbols = pa.array(names, pa.string()).take(words.indices)
    return table.set_column(at, "symbol", symbols)


def _own_rows(
    rows: Callable[[], pa.Table], own: list[str], others: list[str], takes_unlisted: bool
) -> pa.Table:
    """The rows of the symbols ``own``, and those of no asset where they are to be taken here."""
    table = rows()
    is_own = pc.is_in(table["symbol"], pa.array(own, pa.string()))
    if takes_unlisted:
        is_others = pc.is_in(table["symbol"], pa.array(others, pa.string()))
        is_own = pc.or_(is_own, pc.invert(is_others))
    return table.filter(is_own)


def _unpacked(content: bytes, where: str) -> bytes:
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            text = packed.read(LARGEST_UNPACKED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as broken:
        raise SourceError(
            f"{where} cannot be unpacked: {broken}",
            next_step="write the file again: it is cut short or damaged",
        ) from None
    if len(text) > LARGEST_UNPACKED_BYTES:
        raise SourceError(
            f"{where} unpacks to more than {LARGEST_UNPACKED_BYTES / 2**30:g} GiB",
            next_step="split it into smaller files",
        )
    return text
