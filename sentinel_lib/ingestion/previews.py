"""How files would be read, and what their bars tell: for whoever asks before a run."""

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import yaml

from sentinel_lib.calendars import sessions
from sentinel_lib.errors import ConfigError
from sentinel_lib.ingestion.bar_moments import Times, times_by_symbol
from sentinel_lib.ingestion.batch import parse
from sentinel_lib.ingestion.fetches import Fetched, LoggedPayload, Parsed
from sentinel_lib.ingestion.files import stem
from sentinel_lib.ingestion.inference import EXCHANGES, inferred_terms
from sentinel_lib.records.bar import ISO_8601, ONE_DAY
from sentinel_lib.records.previews import ColumnPreview, FilePreview, SeriesPreview
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.calendar_names import WEEKDAYS

_SYMBOL_PATTERNS = (
    r"^Download Data - .*_([^_]+)$",
    r"^[A-Z]+_([^,]+), \w+$",
    r"^(.+) Historical Data$",
    r"^[A-Za-z]+_([A-Z0-9]+)_(?:d|1h|minute)$",
    r"^([A-Z0-9]+)-\d+[mhd]-\d{4}-\d{2}(?:-\d{2})?$",
    r"^([^_ ]+)_(?:Daily|Weekly|[DHM]\d+|[DHM]|\d+[dhm])(?:_.*)?$",
)
"""Names of files as programs give them, each with the symbol as its group."""
_FITTING = 0.97


def previews(fetched: Fetched, configured: Mapping[str, Asset]) -> list[FilePreview]:
    """One for each file, those that cannot be read included, by name."""
    parsed = parse(fetched)
    rejected = [FilePreview(each.locator, question=each.reason) for each in parsed.rejected]
    read = [_of_file(logged, parsed, configured) for logged in parsed.log]
    return sorted([*rejected, *read], key=lambda preview: preview.file)


def _of_file(logged: LoggedPayload, parsed: Parsed, configured: Mapping[str, Asset]) -> FilePreview:
    alone = Parsed(parsed.bars, [logged])
    terms = inferred_terms(alone, logged.symbols, {})
    times = dict(times_by_symbol(alone, logged.symbols))
    series = [
        _of_series(symbol, times[symbol], terms[symbol], configured.get(symbol))
        for symbol in logged.symbols
        if symbol in times
    ]
    name = stem(logged.locator)
    patterns = (pattern for pattern in _SYMBOL_PATTERNS if re.search(pattern, name))
    pattern = next(patterns, "") if logged.symbols == (name,) else ""
    return FilePreview(
        logged.locator,
        words=json.loads(logged.reading)["words"],
        columns=tuple(
            ColumnPreview(column.name, column.kind, column.fields) for column in logged.columns
        ),
        series=series,
        rows=logged.rows,
        symbols_pattern=pattern,
        yaml=_yaml(logged, series),
    )


def _of_series(
    symbol: str, times: Times, terms: Mapping[str, Any], asset: Asset | None
) -> SeriesPreview:
    interval = asset.interval if asset else terms["interval"]
    calendar = asset.calendar if asset else terms["calendar"]
    days = np.unique(times.written.astype("datetime64[D]")).tolist()
    known = _session_dates(calendar, days)
    first, last = times.span
    shown = "%Y-%m-%d" if interval == ONE_DAY else "%Y-%m-%d %H:%M"
    return SeriesPreview(
        symbol,
        bars=len(times.written),
        first=first.strftime(shown),
        last=last.strftime(shown),
        interval=interval,
        calendar=calendar,
        fields=asset.fields if asset else terms["fields"],
        missing=len(known - set(days)),
        fits=_fitting_exchange(days) if calendar == WEEKDAYS and known - set(days) else "",
        question="" if asset else terms.get("question", ""),
    )


def _fitting_exchange(days: list[date]) -> str:
    """The first exchange that has a session on every one of ``days``, and hardly any other."""
    for calendar in EXCHANGES:
        known = _session_dates(calendar, days)
        if known.issuperset(days) and len(days) >= _FITTING * len(known):
            return calendar
    return ""


def _session_dates(calendar: str, days: list[date]) -> set[date]:
    try:
        return {session.date for session in sessions(calendar, days[0], days[-1])}
    except ConfigError:  # the installed library cannot build it, which a run says
        return set()


def _yaml(logged: LoggedPayload, series: list[SeriesPreview]) -> str:
    """What fixes the reading: lines for ``assets`` in assets.yaml, of series without a question."""
    answers = json.loads(logged.reading)["answers"]
    usual = {
        "interval": ONE_DAY,
        "fields": "ohlcv",
        "date_format": ISO_8601,
        "timezone": "UTC",
        "decimal": ".",
    }
    assets = {}
    for each in series:
        terms = {
            "source": "files",
            "path": logged.locator,
            "calendar": each.fits or each.calendar,
            "interval": each.interval,
            "fields": each.fields,
            "date_format": logged.date_format,
            "timezone": logged.timezone,
            "decimal": answers.get("decimal", "."),
        }
        if not each.question:
            assets[each.symbol] = {key: terms[key] for key in terms if terms[key] != usual.get(key)}
    written = yaml.safe_dump(
        assets, sort_keys=False, default_flow_style=None, allow_unicode=True, width=math.inf
    )
    return written.rstrip() if assets else ""
