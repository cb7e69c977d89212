"""The files source: whatever holds bars under a path, read by what is in it."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.errors import Question, SourceError
from sentinel_lib.ingestion.dialects import containers
from sentinel_lib.ingestion.dialects.dialect import Dialect, dialect_of, header_of
from sentinel_lib.ingestion.source import Reading, Rejected, Source
from sentinel_lib.records.payload import FetchFailure, Payload, Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.input_files import CONTAINER_SUFFIXES, covers, files_at
from sentinel_lib.settings.project import PROJECT_ROOT, in_project
from sentinel_lib.settings.sources import FilesOptions

NAME = "files"

_YEAR = re.compile(r"(?P<name>.+?)[ _.-](?P<year>(19|20)\d\d)")

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
        contents: list[Payload | Rejected] = []
        for path in paths:
            locator = locator_of(path)
            if not self._is_of_others(locator):
                contents.extend(self._payloads(locator))
        names = names_without_year([each.locator for each in contents])
        for each in contents:
            if isinstance(each, Payload) and (name := names.get(each.locator)):
                yield Payload(NAME, each.locator, each.content, answers={"name": name})
            else:
                yield each

    def _payloads(self, locator: str) -> Iterator[Payload | Rejected]:
        """A file, or each member of a zip file; it is rejected if it cannot be opened."""
        try:
            content = content_of(locator)
            if not containers.is_archive(content):
                yield Payload(NAME, locator, content)
                return
            for name, member in containers.members(content, locator):
                yield Payload(NAME, f"{locator}/{name}", member)
        except SourceError as unreadable:
            yield Rejected(locator, str(unreadable), self._asset_named(locator))

    def read(self, payload: Payload) -> Reading:
        """Open one file by what is in it; its name only matters for the symbol.

        Raises ``Question`` for what it leaves open and ``payload.answers`` do not settle.
        """
        locator = payload.locator
        try:
            dialect = dialect_of(payload.content, self.options, payload.answers, locator)
        except Question as question:
            question.place = self._place(header_of(payload.content, self.options, locator), locator)
            raise
        bars, terms = self._bars(dialect, payload)
        times, shown = dialect.times, dialect.shown_answers
        timezone = self.options.timezone or times.timezone
        known = {"name": payload.answers.get("name"), "timezone": timezone}
        return Reading(
            NAME,
            bars,
            columns=dialect.source_columns,
            date_format=times.date_format,
            timezone=timezone or "UTC",
            terms=terms,
            words=dialect.words,
            answers=dialect.answers | {key: text for key, text in known.items() if text},
            shown=tuple(sorted(shown)),
            place=self._place(dialect.roles.names, locator),
        )

    def asset_of(self, payload: Payload) -> str | None:
        """The one whose own file it is, or that it is named after, if any."""
        return self._asset_named(payload.locator, payload.answers.get("name"))

    def serves(self, payload: Payload) -> bool:
        """Whether ``options.path`` stands for this file."""
        locator = payload.locator
        return covers(self.options.path, file_of(locator)) and not self._is_of_others(locator)

    @staticmethod
    def _place(names: Sequence[str], locator: str) -> str:
        """The folder and the header of a file: files that share both are written alike."""
        digest = sha256("\n".join(names).encode()).hexdigest()[:12]
        return f"{Path(file_of(locator)).parent} {digest}"

    def _bars(
        self, dialect: Dialect, payload: Payload
    ) -> tuple[Callable[[], pa.Table], dict[str, object]]:
        """How the rows of these assets are read, and the terms that this follows from."""
        locator, roles = payload.locator, dialect.roles
        terms: dict[str, object] = dict(dialect.terms)
        name = self._symbol_of(locator, payload.answers.get("name"))
        bars: Callable[[], pa.Table] = partial(dialect.bars, name)
        if roles.symbol is not None or any(series.symbol for series in roles.series):
            renamed = {name: symbol for name, symbol in self._symbols.items() if name != symbol}
            terms["symbol"] = renamed
            bars = partial(_with_symbols, bars, renamed)
        else:
            terms["symbol"] = name
        readers = self._owners(locator) or [
            group for group in self.groups if covers(_path_of(group), file_of(locator))
        ]
        others = [group for group in readers if group != self.assets]
        if others:
            names = sorted({name for group in others for name in _names_in(group)})
            takes_unlisted = readers[0] == self.assets
            terms |= {"others": names, "takes_unlisted": takes_unlisted}
            bars = partial(_rows_of, bars, list(self.assets), names, takes_unlisted)
        return bars, terms

    def _symbol_of(self, locator: str, without_year: str | None = None) -> str:
        """The asset whose own file it is, or what its name says."""
        if len(self.assets) == 1 and self._owners(locator) == [self.assets]:
            return next(iter(self.assets))
        name = without_year or stem(locator)
        if self.options.symbols and (match := re.search(self.options.symbols, stem(locator))):
            name = match[1]
        return self._symbols.get(name, name)

    def _asset_named(self, locator: str, without_year: str | None = None) -> str | None:
        symbol = self._symbol_of(locator, without_year)
        return symbol if symbol in self.assets else None

    def _is_of_others(self, locator: str) -> bool:
        """Whether other assets name this very file, and these do not."""
        owners = self._owners(locator)
        return bool(owners) and self.assets not in owners

    def _owners(self, locator: str) -> list[Group]:
        """The groups whose path is this very file."""
        file = in_project(file_of(locator))
        return [group for group in self.groups if in_project(_path_of(group)) == file]


def _path_of(group: Group) -> Path:
    options = next(iter(group.values())).options
    return options.path if isinstance(options, FilesOptions) else Path()


def _names_in(group: Group) -> set[str]:
    return {*group, *(asset.asked_as for asset in group.values())}


def content_of(locator: str) -> bytes:
    """The bytes of a file as it is now, or of a member of a zip file.

    Raises ``SourceError`` if the system does not give them.
    """
    container, member = containers.split_locator(locator)
    try:
        content = in_project(container).read_bytes()
    except OSError as failed:
        raise SourceError(
            f"{container} cannot be read: {failed.strerror or failed}",
            next_step="fix its permissions, or take it out of the input path",
        ) from failed
    return containers.member_of(content, member, locator) if member else content


def locator_of(path: Path) -> str:
    """How logs and reports name a file: from the project's root, where it is below that."""
    return str(path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path)


def file_of(locator: str) -> str:
    """The file that is or holds what ``locator`` names: a member of a zip file has none itself."""
    return containers.split_locator(locator)[0]


def own_locator(asset: Asset) -> str | None:
    """The locator of the file that is an asset's ``path``; None for one of another source."""
    options = asset.options
    return locator_of(in_project(options.path)) if isinstance(options, FilesOptions) else None


def stem(locator: str) -> str:
    """The file name without its folder and formats: ``goog.us`` of ``in/goog.us.txt.gz``."""
    name = Path(locator).name
    while name.lower().endswith(CONTAINER_SUFFIXES) and "." in name.lstrip("."):
        name = name.rpartition(".")[0]
    return name


def names_without_year(locators: Sequence[str]) -> dict[str, str]:
    """The name of each file that has a year at its end and a neighbour with another one there."""
    years: dict[tuple[Path, str], dict[str, str]] = defaultdict(dict)
    for locator in locators:
        if match := _YEAR.fullmatch(stem(locator)):
            years[Path(locator).parent, match["name"]][locator] = match["year"]
    return {
        locator: name
        for (_, name), files in years.items()
        if len(set(files.values())) > 1
        for locator in files
    }


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
