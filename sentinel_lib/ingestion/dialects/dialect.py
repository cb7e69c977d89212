"""One file, read: what packs and separates it, what its columns are, how its values are written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.errors import Question, SourceError, listed
from sentinel_lib.ingestion.dialects.columnar import columnar_sheet, is_columnar
from sentinel_lib.ingestion.dialects.columns import Roles, Series, roles_in
from sentinel_lib.ingestion.dialects.containers import is_workbook, unpacked
from sentinel_lib.ingestion.dialects.delimited import delimited_sheet
from sentinel_lib.ingestion.dialects.encodings import Text, decoded
from sentinel_lib.ingestion.dialects.numbers import NumberStyle, plain_numbers, style_of
from sentinel_lib.ingestion.dialects.records import is_json, records_sheet
from sentinel_lib.ingestion.dialects.sheets import Sheet
from sentinel_lib.ingestion.dialects.times import TimeReading, time_reading, zone_in
from sentinel_lib.ingestion.dialects.workbooks import workbook_sheet
from sentinel_lib.ingestion.raw_bars import RAW_BARS, raw_bars
from sentinel_lib.ingestion.source_columns import SourceColumn, declared_columns, text_columns
from sentinel_lib.records.bar import ISO_8601, MISSING_WORDS, WHITESPACE
from sentinel_lib.settings.sources import FilesOptions

_SHOWN_SERIES = 5
_KINDS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True)
class Dialect:
    """How a file is read. ``container`` is its format, in words; ``encoding`` that of its text."""

    container: str
    encoding: str
    sheet: Sheet
    roles: Roles
    times: TimeReading
    numbers: NumberStyle

    def bars(self, symbol: str) -> pa.Table:
        """The rows as raw bars (``RAW_BARS``). ``symbol`` is that of rows which name none.

        Of series beside each other a row in which one has no value is none of it.
        """
        tables = [self._series(series, symbol) for series in self.roles.series]
        return pa.concat_tables([RAW_BARS.empty_table(), *tables])

    def source_columns(self) -> tuple[SourceColumn, ...]:
        """The columns, the kind of each with how it is written where that decides what it says."""
        readers, sheet = self.roles.readers(), self.sheet
        if sheet.types is not None:
            columns = declared_columns(self.roles.names, sheet.types, readers)
        else:
            values = [self._values.get(at, column) for at, column in enumerate(sheet.columns)]
            columns = text_columns(self.roles.names, values, readers)
        return tuple(self._as_written(column) for column in columns)

    @cached_property
    def terms(self) -> dict[str, object]:
        """What decides what the rows are, beside the bytes."""
        return {
            **self.sheet.terms,
            "encoding": self.encoding,
            "numbers": None if self.numbers.is_plain else self.numbers.decimal or ".",
            "columns": self.roles.fields(),
            "series": [[series.symbol, dict(series.positions)] for series in self.roles.series],
        }

    @property
    def shown_answers(self) -> dict[str, str]:
        """What the file itself shows, and others of its kind may leave open."""
        shown = {}
        if self.times.is_shown and "%" in self.times.date_format:
            shown["date_format"] = self.times.date_format
        if self.numbers.is_shown and self.numbers.decimal:
            shown["decimal"] = self.numbers.decimal
        return shown

    @property
    def answers(self) -> dict[str, str]:
        """What settles how its values are read, whoever has shown it."""
        decimal = {"decimal": self.numbers.decimal} if self.numbers.decimal else {}
        return {"date_format": self.times.date_format} | decimal

    @property
    def words(self) -> str:
        """How it is read, in one line."""
        parts = [
            self.container
            if self.encoding in ("", "utf-8")
            else f"{self.container} in {self.encoding}"
        ]
        delimiter, line = self.sheet.terms.get("delimiter"), self.sheet.terms.get("first_line", 1)
        if delimiter not in (None, ","):
            parts.append(f"{_KINDS.get(str(delimiter), repr(delimiter))} between values")
        if not self.sheet.header:
            parts.append("no header")
        elif isinstance(line, int) and line - len(self.sheet.header) > 1:
            parts.append(f"header above line {line}")
        if self.roles.symbol is not None:
            parts.append(f"symbols in '{self.roles.names[self.roles.symbol]}'")
        if self.roles.is_wide:
            names = [series.symbol for series in self.roles.series]
            parts.append(f"{len(names)} series beside each other: {listed(names, _SHOWN_SERIES)}")
        how = self.times.date_format
        parts.append(f"times {how}" + (f" ({self.times.evidence})" if self.times.evidence else ""))
        if not self.numbers.is_plain:
            parts.append("decimal comma" if self.numbers.decimal == "," else "decimal point")
        return ", ".join([*parts, *(f"left out: {note}" for note in self.sheet.notes)])

    @cached_property
    def _values(self) -> dict[int, pa.ChunkedArray]:
        """The columns of numbers by position, as plain ones."""
        places = {at for series in self.roles.series for at in series.positions.values()}
        sheet = self.sheet
        return {
            at: sheet.columns[at]
            if at in sheet.numeric
            else plain_numbers(sheet.columns[at], self.numbers)
            for at in places
        }

    def _as_written(self, column: SourceColumn) -> SourceColumn:
        times = self.times
        is_read_by_values = "%" in times.date_format and bool(times.is_shown or times.evidence)
        if column.kind == "date" and "timestamp" in column.fields and is_read_by_values:
            return SourceColumn(column.name, f"date {times.date_format}", column.fields)
        is_value = not {"timestamp", "symbol"}.intersection(column.fields) and column.fields
        if column.kind == "number" and is_value and self.numbers.decimal == ",":
            return SourceColumn(column.name, "number with a decimal comma", column.fields)
        return column

    def _series(self, series: Series, symbol: str) -> pa.Table:
        sheet, roles = self.sheet, self.roles
        values = {name: self._values[at] for name, at in series.positions.items()}
        values["timestamp"] = _times(sheet, roles)
        if roles.symbol is not None:
            values["symbol"] = sheet.columns[roles.symbol]
        name = None if roles.symbol is not None else series.symbol or symbol
        table = raw_bars(sheet.lines, values, symbol=name, defects=sheet.defects)
        if not roles.is_wide:
            return table
        there = [pc.invert(_is_missing(values[field])) for field in series.positions]
        mask = there[0]
        for other in there[1:]:
            mask = pc.or_(mask, other)
        return table.filter(mask)


def dialect_of(
    content: bytes, options: FilesOptions, answers: Mapping[str, str], locator: str
) -> Dialect:
    """How a file is read: by what is in it, but for what ``options`` say.

    ``answers`` settle what it leaves open. Raises ``Question`` for what is open all the same, and
    ``SourceError`` for what cannot be read.
    """
    container, text, sheet = sheet_of(content, options, locator)
    roles = roles_in(sheet, options.columns, locator)
    if text is not None and not text.is_told:
        _require_ascii_symbols(sheet, roles, text.encoding, locator)
    values = {
        name if series.symbol is None else f"{series.symbol} {name}": sheet.columns[at]
        for series in roles.series
        for name, at in series.positions.items()
        if at not in sheet.numeric
    }
    numbers = style_of(values, options.decimal, answers.get("decimal"), locator)
    return Dialect(
        container,
        text.encoding if text else "",
        sheet,
        roles,
        _how_times(sheet, roles, options, answers, locator),
        numbers,
    )


def sheet_of(content: bytes, options: FilesOptions, locator: str) -> tuple[str, Text | None, Sheet]:
    """A file's format in words, its text if that is what it holds, and its rows.

    Raises ``SourceError`` if it cannot be read.
    """
    if is_workbook(content):
        return "Excel", None, workbook_sheet(content, locator)
    inner = unpacked(content, locator)
    packed = "gzipped " if inner is not content else ""
    if is_columnar(inner):
        kind = "Parquet" if inner.startswith(b"PAR1") else "Feather"
        return packed + kind, None, columnar_sheet(inner, locator)
    text = decoded(inner, options.encoding, locator)
    if is_json(text.content):
        return f"{packed}JSON", text, records_sheet(text.content, locator)
    return f"{packed}CSV", text, delimited_sheet(text.content, options.delimiter, locator)


def _require_ascii_symbols(sheet: Sheet, roles: Roles, encoding: str, locator: str) -> None:
    """Raise ``Question`` if a symbol is not sure, as the encoding is not."""
    if roles.symbol is None:
        return
    symbols = pc.unique(sheet.columns[roles.symbol].drop_null())
    foreign = symbols.filter(pc.invert(pc.string_is_ascii(symbols)))
    if len(foreign):
        raise Question(
            f"{locator} is not in UTF-8, and nothing tells in which encoding its symbols are",
            observed=f"{listed(foreign.to_pylist())}, if it is {encoding}",
            expected="symbols in UTF-8, or an encoding that is known",
            next_step="say which: encoding: ... in the options of the files source, "
            "or save the file again as UTF-8",
        )


def header_of(content: bytes, options: FilesOptions, locator: str) -> tuple[str, ...]:
    """The names of a file's columns, if no more than that can be told of it."""
    try:
        _, _, sheet = sheet_of(content, options, locator)
        return roles_in(sheet, options.columns, locator).names
    except SourceError:
        return ()


def _how_times(
    sheet: Sheet, roles: Roles, options: FilesOptions, answers: Mapping[str, str], locator: str
) -> TimeReading:
    kind = sheet.types[roles.time] if sheet.types is not None else None
    if kind is not None and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return TimeReading(ISO_8601)
    if options.date_format:
        return TimeReading(options.date_format, is_shown=False)
    times = time_reading(_times(sheet, roles), answers.get("date_format"), locator)
    if times.timezone or options.timezone:
        return times
    return replace(times, timezone=zone_in(roles.names[roles.time], locator))


def _times(sheet: Sheet, roles: Roles) -> pa.ChunkedArray:
    """The text of each time: that of the date and that of the day together, if they are apart."""
    if roles.clock is None:
        return sheet.columns[roles.time]
    date, clock = (
        pc.utf8_trim(sheet.columns[at], characters=WHITESPACE) for at in (roles.time, roles.clock)
    )
    lengths = pc.max(pc.utf8_length(clock)).as_py() or 0
    digits = pc.match_substring_regex(clock, "^[0-9]{1,6}$")
    padded = pc.utf8_lpad(clock, 6 if lengths > 4 else 4, "0")
    return pc.binary_join_element_wise(date, pc.if_else(digits, padded, clock), " ")


def _is_missing(values: pa.ChunkedArray) -> pa.ChunkedArray:
    written = pc.utf8_lower(pc.utf8_trim(pc.fill_null(values, ""), characters=WHITESPACE))
    return pc.is_in(written, pa.array(MISSING_WORDS, pa.string()))
