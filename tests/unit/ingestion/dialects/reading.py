"""What comes back from a file, as bars: what the engine would make of the raw rows."""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion import batch
from sentinel_lib.records.bar import number_of, timestamp_of
from sentinel_lib.settings.sources import FilesOptions

FIELDS = ("open", "high", "low", "close", "volume")


class Row(NamedTuple):
    """A bar as it was meant: None is a field that is absent."""

    time: datetime
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: Decimal | None


def row(time: str, *values: str | None) -> Row:
    numbers = [None if value is None else Decimal(value) for value in values]
    return Row(datetime.fromisoformat(time), *numbers, *[None] * (5 - len(numbers)))


def parsed(folder: Path, **options: object) -> batch.Parsed:
    return batch.parse(batch.read_files(FilesOptions(path=folder, **options)))


def bars_in(result: batch.Parsed) -> dict[str, list[Row]]:
    """The bars of each symbol by time, as written; rows without a price, and malformed ones,
    are left out.
    """
    formats = {each.layout: each for each in result.log}
    bars: dict[str, list[Row]] = {}
    for raw in result.bars.to_pylist():
        how = formats[raw["layout"]]
        if raw["defect"] is not None:
            continue
        written, _ = timestamp_of(raw["timestamp"], how.date_format, how.timezone)
        values = [number_of(raw[name]) for name in FIELDS]
        if values[3] is not None:
            bars.setdefault(raw["symbol"], []).append(Row(written.replace(tzinfo=None), *values))
    return {symbol: sorted(rows) for symbol, rows in bars.items()}


def read_back(content: bytes, name: str = "GOOG.csv", **options: object) -> dict[str, list[Row]]:
    """The bars of one file. Raises ``SourceError`` with the reason if it is rejected."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        result = parsed(path, **options)
    if result.rejected:
        raise SourceError(result.rejected[0].reason)
    return bars_in(result)


def how_read(content: bytes, name: str = "GOOG.csv", **options: object) -> batch.LoggedPayload:
    """The line of the fetch log of one file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        [logged] = parsed(path, **options).log
    return logged


def days(first: date, count: int) -> list[date]:
    """Monday to Friday."""
    everyday = (date.fromordinal(first.toordinal() + at) for at in range(2 * count))
    return [day for day in everyday if day.weekday() < 5][:count]
