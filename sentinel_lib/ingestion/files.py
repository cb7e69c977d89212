"""The files source: CSV, gzipped CSV and Parquet under a path."""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion import columns, parquet
from sentinel_lib.ingestion.delimited import DelimitedText
from sentinel_lib.ingestion.parquet import ParquetContent
from sentinel_lib.ingestion.source import Reading, Rejected, Source
from sentinel_lib.records.bar import ISO_8601
from sentinel_lib.records.payload import FetchFailure, Payload, Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.input_files import covers, files_at
from sentinel_lib.settings.project import PROJECT_ROOT, in_project
from sentinel_lib.settings.sources import FilesOptions

NAME = "files"
LARGEST_UNPACKED_BYTES = 4 * 2**30

_GZIP_MAGIC = b"\x1f\x8b"

Group = Mapping[str, Asset]


class FilesSource(Source):
    """Every file that ``options.path`` matches, read anew at each run, whatever the windows.

    A row's symbol is that of its symbol column; an asset's ``source_symbol`` is translated into its
    symbol. A file without such a column is of the asset whose ``path`` is this very file, or else
    of the one that it is named after.

    A file that is the ``path`` of one group is not read for a group that has it only in its folder.
    Where several read one file, each gets the rows of its own assets, the first those of no asset.
    """

    options: FilesOptions
    assets: Group

    @cached_property
    def _symbols(self) -> dict[str, str]:
        return {asset.asked_as: symbol for symbol, asset in self.assets.items()}

    def fetch(self, windows: Sequence[Window]) -> Iterator[Payload | FetchFailure | Rejected]:
        """One payload per file. A path without files fails every asset that has a window."""
        try:
            paths = files_at(self.options.path)
        except SourceError as missing:
            yield from (FetchFailure(window.symbol, str(missing)) for window in windows)
            return
        for path in paths:
            locator = locator_of(path)
            if self._is_of_others(locator):
                continue
            try:
                yield Payload(NAME, locator, content_of(locator))
            except SourceError as unreadable:
                yield Rejected(locator, str(unreadable), self._asset_named(locator))

    def read(self, payload: Payload) -> Reading:
        """Open one file by what is in it; its name only matters for the symbol."""
        content, locator = payload.content, payload.locator
        file: ParquetContent | DelimitedText
        if content.startswith(parquet.MAGIC):
            file = ParquetContent(content, locator)
        else:
            file = DelimitedText(_unpacked(content, locator), self.options.delimiter, locator)
        positions = columns.match(file.names, self.options.columns, locator)
        has_iso_times = file.has_iso_times(positions["timestamp"])
        bars, terms = self._bars(file, positions, locator)
        return Reading(
            NAME,
            bars,
            columns=partial(file.columns, positions),
            date_format=ISO_8601 if has_iso_times else self.options.date_format,
            timezone=self.options.timezone,
            terms=terms | ({"delimiter": file.delimiter} if file.delimiter else {}),
        )

    def asset_of(self, payload: Payload) -> str | None:
        """The one whose own file it is, or that it is named after, if any."""
        return self._asset_named(payload.locator)

    def serves(self, payload: Payload) -> bool:
        """Whether ``options.path`` stands for this file."""
        locator = payload.locator
        return covers(self.options.path, locator) and not self._is_of_others(locator)

    def _bars(
        self, file: ParquetContent | DelimitedText, positions: dict[str, int], locator: str
    ) -> tuple[Callable[[], pa.Table], dict[str, object]]:
        """How the rows of these assets are read, and the terms that this follows from."""
        terms: dict[str, object] = {"columns": positions}
        bars: Callable[[], pa.Table]
        if "symbol" in positions:
            renamed = {name: symbol for name, symbol in self._symbols.items() if name != symbol}
            terms["symbol"] = renamed
            bars = partial(_with_symbols, partial(file.bars, positions), renamed)
        else:
            terms["symbol"] = symbol = self._symbol_of(locator)
            bars = partial(file.bars, positions, symbol)
        readers = self._owners(locator) or [
            group for group in self.groups if covers(_path_of(group), locator)
        ]
        others = [group for group in readers if group != self.assets]
        if others:
            names = sorted({name for group in others for name in _names_in(group)})
            takes_unlisted = readers[0] == self.assets
            terms |= {"others": names, "takes_unlisted": takes_unlisted}
            bars = partial(_rows_of, bars, list(self.assets), names, takes_unlisted)
        return bars, terms

    def _symbol_of(self, locator: str) -> str:
        if len(self.assets) == 1 and self._owners(locator) == [self.assets]:
            return next(iter(self.assets))
        name = stem(locator)
        return self._symbols.get(name, name)

    def _asset_named(self, locator: str) -> str | None:
        symbol = self._symbol_of(locator)
        return symbol if symbol in self.assets else None

    def _is_of_others(self, locator: str) -> bool:
        """Whether other assets name this very file, and these do not."""
        owners = self._owners(locator)
        return bool(owners) and self.assets not in owners

    def _owners(self, locator: str) -> list[Group]:
        """The groups whose path is this very file."""
        file = in_project(locator)
        return [group for group in self.groups if in_project(_path_of(group)) == file]


def _path_of(group: Group) -> Path:
    options = next(iter(group.values())).options
    return options.path if isinstance(options, FilesOptions) else Path()


def _names_in(group: Group) -> set[str]:
    return {*group, *(asset.asked_as for asset in group.values())}


def content_of(locator: str) -> bytes:
    """The bytes of a file as it is now; raises ``SourceError`` if the system does not give them."""
    try:
        return in_project(locator).read_bytes()
    except OSError as failed:
        raise SourceError(
            f"{locator} cannot be read: {failed.strerror or failed}",
            next_step="fix its permissions, or take it out of the input path",
        ) from failed


def locator_of(path: Path) -> str:
    """How logs and reports name a file: from the project's root, where it is below that."""
    return str(path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path)


def own_locator(asset: Asset) -> str | None:
    """The locator of the file that is an asset's ``path``; None for one of another source."""
    options = asset.options
    return locator_of(in_project(options.path)) if isinstance(options, FilesOptions) else None


def stem(locator: str) -> str:
    """The file name without its folder and its suffixes: ``AAPL`` of ``in/AAPL.csv.gz``."""
    return re.sub(r"(\.csv|\.parquet)?(\.gz)?$", "", Path(locator).name, flags=re.IGNORECASE)


def _with_symbols(read: Callable[[], pa.Table], renamed: Mapping[str, str]) -> pa.Table:
    table = read()
    at = table.schema.get_field_index("symbol")
    stripped = pc.fill_null(pc.utf8_trim_whitespace(table.column(at)), "")
    encoded = stripped.combine_chunks().dictionary_encode()
    names = [renamed.get(name, name) for name in encoded.dictionary.to_pylist()]
    return table.set_column(at, "symbol", pa.array(names, pa.string()).take(encoded.indices))


def _rows_of(
    read: Callable[[], pa.Table], symbols: list[str], others: list[str], takes_unlisted: bool
) -> pa.Table:
    """The rows of ``symbols``, and those of no asset where they are to be taken here."""
    table = read()
    is_taken = pc.is_in(table["symbol"], pa.array(symbols, pa.string()))
    if takes_unlisted:
        is_of_others = pc.is_in(table["symbol"], pa.array(others, pa.string()))
        is_taken = pc.or_(is_taken, pc.invert(is_of_others))
    return table.filter(is_taken)


def _unpacked(content: bytes, locator: str) -> bytes:
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            text = packed.read(LARGEST_UNPACKED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as broken:
        raise SourceError(
            f"{locator} cannot be unpacked: {broken}",
            next_step="write the file again: it is cut short or damaged",
        ) from None
    if len(text) > LARGEST_UNPACKED_BYTES:
        raise SourceError(
            f"{locator} unpacks to more than {LARGEST_UNPACKED_BYTES / 2**30:g} GiB",
            next_step="split it into smaller files",
        )
    return text
