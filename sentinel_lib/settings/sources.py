"""The sources there are, and the options of each, for all of its assets or for one.

A source is a field of ``Sources`` here, and a module in ``ingestion`` that fetches and reads.
"""

import codecs
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, HttpUrl

from sentinel_lib.errors import UsageError, nearest
from sentinel_lib.records.bar import EPOCH_UNITS, EXCEL, ISO_8601
from sentinel_lib.settings.model import ConfigModel, TimeZone

Fraction = Annotated[float, Field(ge=0, le=1)]
PayloadColumn = Literal[
    "symbol", "timestamp", "open", "high", "low", "close", "volume", "adj_close"
]

_A_DAY = datetime(2001, 2, 3, tzinfo=UTC)


def _source_name(name: str) -> str:
    if name in SOURCES:
        return name
    raise ValueError(
        f"'{name}' is not a source: write one of {', '.join(SOURCES)}{nearest(name, SOURCES)}"
    )


def _date_format(text: str) -> str:
    if text in (ISO_8601, EXCEL, *EPOCH_UNITS):
        return text
    try:
        is_pattern = datetime.strptime(_A_DAY.strftime(text), text).date() == _A_DAY.date()
    except ValueError:
        is_pattern = False
    if is_pattern:
        return text
    raise ValueError(
        f"'{text}' is not a date format: write {', '.join((ISO_8601, EXCEL, *EPOCH_UNITS))} "
        "or a strptime pattern with year, month and day, such as '%m/%d/%Y'"
    )


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name).name.encode("ascii")
        b"".decode(name)
    except LookupError:
        raise ValueError(f"'{name}' is not an encoding: write utf-8, cp1252, shift_jis") from None
    return name


def _pattern_of_symbols(pattern: str) -> str:
    try:
        has_group = re.compile(pattern).groups == 1
    except re.error as wrong:
        raise ValueError(f"'{pattern}' is not a regular expression: {wrong}") from None
    if has_group:
        return pattern
    raise ValueError(f"'{pattern}' must have one group, around the symbol: '_([^_]+)$'")


SourceName = Annotated[str, AfterValidator(_source_name)]
DateFormat = Annotated[str, AfterValidator(_date_format)]


class Faults(ConfigModel):
    """Defects that the simulated source plants, each in about this fraction of the bars.

    ``late_sessions`` is how many of the newest sessions have not been delivered yet.
    """

    nulls: Fraction = 0.0
    duplicates: Fraction = 0.0
    high_below_low: Fraction = 0.0
    gaps: Fraction = 0.0
    wrong_types: Fraction = 0.0
    late_sessions: Annotated[int, Field(ge=0)] = 0


class SourceOptions(ConfigModel):
    """What every source has: how long after a close its data may take to arrive."""

    grace_minutes: Annotated[int, Field(ge=0)] = 0


class SimulatedOptions(SourceOptions):
    """Bars made by a seeded function of asset and time."""

    seed: int = 7
    start_price: Annotated[float, Field(gt=0, le=1e9)] | None = None
    faults: Faults = Faults()


class FilesOptions(SourceOptions):
    """Files: one, a folder of them, or a glob pattern.

    How they are read follows from what is in them, but for what is said here. ``columns`` names
    the file's column for a field, ``symbols`` is a pattern whose group is the symbol in a file's
    name, ``timezone`` is that of times without an offset (UTC).
    """

    path: Annotated[Path, Field(strict=False)] = Path("data/inbox")
    columns: dict[PayloadColumn, str] = Field(default_factory=dict)
    symbols: Annotated[str, AfterValidator(_pattern_of_symbols)] | None = None
    date_format: DateFormat | None = None
    timezone: TimeZone | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] | None = None
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None


class HttpOptions(SourceOptions):
    """What every source has that is asked over HTTP; see ``ingestion/http.py``."""

    base_url: HttpUrl
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    pause_seconds: Annotated[float, Field(ge=0)] = 1.0


class KrakenOptions(HttpOptions):
    """Kraken's public OHLC endpoint."""

    base_url: HttpUrl = HttpUrl("https://api.kraken.com")


class Sources(ConfigModel):
    """The ``sources`` block of assets.yaml, and the list of the sources there are."""

    simulated: SimulatedOptions = SimulatedOptions()
    files: FilesOptions = FilesOptions()
    kraken: KrakenOptions = KrakenOptions()


SOURCES: dict[str, type[SourceOptions]] = {
    name: type(field.default) for name, field in Sources.model_fields.items()
}
"""The options model of each source, by its name."""


def source_named(name: str) -> str | None:
    """``name`` as a source, None for an empty one. Raises ``UsageError`` for any other."""
    if name and name not in SOURCES:
        raise UsageError(
            f"unknown source '{name}'{nearest(name, SOURCES)}",
            expected=f"one of {', '.join(SOURCES)}",
            next_step="correct --source, or the parameter source of the notebook",
        )
    return name or None
