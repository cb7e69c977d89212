"""What the bars of a symbol tell of it where nobody has configured it: interval, calendar, fields.

A week with Saturdays and Sundays is ``24/7``; one from Sunday to Friday is that of currencies,
``24/5``; one from Monday to Friday is ``weekdays``. Any other week is a question, and so are times
of the day that fit an exchange's hours in its own zone, but not in UTC, as which they are read.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.calendars import sessions, time_zone
from sentinel_lib.ingestion.bar_moments import SECOND, Times, times_by_symbol
from sentinel_lib.ingestion.fetches import Parsed
from sentinel_lib.records.bar import INTERVAL_SECONDS, MISSING_WORDS, ONE_DAY
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.calendar_names import CONTINUOUS, CURRENCIES, WEEKDAYS

EXCHANGES = ("XNYS", "XLON", "XETR", "XPAR", "XTKS", "XHKG", "XBOM", "XASX")
"""Whose hours and holidays are compared with those of a file."""

_DAY_SECONDS = INTERVAL_SECONDS[ONE_DAY]
_SHORTEST_DAY = 20 * 3_600
"""Daily bars may be a little less than a day apart, where clocks change."""
_MOST, _FEW = 0.5, 0.1
"""Of the days of a usual weekday: gaps take as many from a week's end as from the rest."""
_FITTING = 0.8
_COMPARED_DAYS = 60
_FEWEST_BEFORE_THE_NEWEST = 5
_WITHOUT_PAUSE = 0.75
_EPOCH_MONDAY = np.datetime64("1969-12-29", "D")
_FRIDAY, _SATURDAY, _SUNDAY = 4, 5, 6
_NEW_YORK = ZoneInfo("America/New_York")
_CURRENCIES_OPEN = time(17)


def inferred_terms(
    parsed: Parsed, symbols: Sequence[str], before: Mapping[str, Asset]
) -> dict[str, dict[str, Any]]:
    """The terms of ``symbols`` as their bars tell them: of ``AssetTerms``, and a ``question``.

    ``before`` are the assets of the run before: its terms stand where a few bars tell nothing else.
    """
    fields = fields_of(parsed)
    inferred: dict[str, dict[str, Any]] = {}
    for symbol, times in times_by_symbol(parsed, symbols):
        known = before.get(symbol)
        terms: dict[str, Any] = {"fields": known.fields if known else fields[symbol]}
        interval, question = interval_of(times)
        terms["interval"] = interval or (known.interval if known else ONE_DAY)
        calendar, week = calendar_of(times, terms["interval"])
        terms["calendar"] = calendar or (known.calendar if known else WEEKDAYS)
        question = question or week
        if not question and terms["calendar"] == WEEKDAYS and terms["interval"] != ONE_DAY:
            question = _local_hours(times, INTERVAL_SECONDS[terms["interval"]])
        inferred[symbol] = terms | ({"question": question} if question else {})
    return inferred


def fields_of(parsed: Parsed) -> dict[str, str]:
    """By symbol which fields its rows have values of: ``ohlcv``, ``ohlc`` or ``close``."""
    bars = parsed.bars
    there = {
        name: pc.invert(
            pc.is_in(
                pc.utf8_lower(pc.utf8_trim_whitespace(pc.fill_null(bars[name], ""))),
                pa.array(MISSING_WORDS, pa.string()),
            )
        )
        for name in ("open", "high", "low", "volume")
    }
    rows = pa.table({"symbol": bars["symbol"], **there})
    groups = rows.group_by("symbol").aggregate([(name, "any") for name in there])
    kinds = {}
    for row in groups.to_pylist():
        has_prices = all(row[f"{name}_any"] for name in ("open", "high", "low"))
        with_volume = "ohlcv" if row["volume_any"] else "ohlc"
        kinds[row["symbol"] or ""] = with_volume if has_prices else "close"
    return kinds


def interval_of(times: Times) -> tuple[str | None, str]:
    """How far apart bars are, or None if one bar does not tell; and what is wrong, or ""."""
    instants = times.instants.astype(np.int64)
    if len(instants) > _FEWEST_BEFORE_THE_NEWEST:
        instants = instants[:-1]  # the newest may be a live one
    steps = np.diff(instants)
    if not len(steps):
        return None, ""
    if steps.min() >= _SHORTEST_DAY:
        return ONE_DAY, ""
    common = int(np.gcd.reduce(steps))
    fitting = [
        name
        for name, seconds in INTERVAL_SECONDS.items()
        if name != ONE_DAY and common % seconds == 0
    ]
    if fitting:
        return fitting[-1], ""
    return ONE_DAY, (
        f"its times are {int(steps.min())} seconds apart, less than any interval of bars: trades "
        f"and quotes are not read; make bars of them, of one of {', '.join(INTERVAL_SECONDS)}"
    )


def calendar_of(times: Times, interval: str) -> tuple[str | None, str]:
    """The calendar of its week, or None if its days do not tell; and what is wrong, or ""."""
    moments = times.written if interval == ONE_DAY else times.instants
    days = np.unique(moments.astype("datetime64[D]"))
    counts = np.bincount((days - _EPOCH_MONDAY).astype(int) % 7, minlength=7)
    usual = max(float(np.median(counts[:_SATURDAY])), 1.0)
    saturdays, sundays = counts[_SATURDAY] / usual, counts[_SUNDAY] / usual
    if min(saturdays, sundays) >= _MOST:
        return CONTINUOUS, ""
    if not saturdays and sundays > _FEW and counts[:_SATURDAY].all():
        if interval == ONE_DAY or _is_open_as_currencies(times.instants):
            return CURRENCIES, ""
        if times.are_assumed and _is_open_as_currencies(_instants_in(times.written, _NEW_YORK)):
            return CURRENCIES, _zone_question("of currencies", CURRENCIES, _NEW_YORK.key)
    if max(saturdays, sundays) <= _FEW:
        return None, ""
    shown = ", ".join(
        f"{count} {name}"
        for count, name in zip(
            counts.tolist(), ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True
        )
    )
    return None, (
        f"its week is none that is known (days with bars: {shown}); list the symbol in assets.yaml "
        f"with its calendar: an exchange such as XSAU, {CONTINUOUS}, {CURRENCIES} or {WEEKDAYS}"
    )


def _is_open_as_currencies(instants: np.ndarray[Any, Any]) -> bool:
    """Whether on Sundays bars begin at 17:00 in New York, and end by then on Fridays."""
    weekend = [moment.replace(tzinfo=UTC).astimezone(_NEW_YORK) for moment in instants.tolist()]
    sundays = [moment.time() for moment in weekend if moment.weekday() == _SUNDAY]
    fridays = [moment.time() for moment in weekend if moment.weekday() == _FRIDAY]
    is_late = any(moment >= _CURRENCIES_OPEN for moment in fridays)
    return bool(sundays) and min(sundays) >= _CURRENCIES_OPEN and not is_late


def _local_hours(times: Times, seconds: int) -> str:
    """A question, if its hours are those of an exchange on its own clocks, and not in UTC."""
    if not times.are_assumed:
        return ""
    days = times.written.astype("datetime64[D]")
    starts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]])
    firsts, lasts = times.written[starts], times.written[np.r_[starts[1:], len(days)] - 1]
    firsts, lasts = firsts[:_COMPARED_DAYS], lasts[:_COMPARED_DAYS]
    if np.median((lasts - firsts).astype(int)) > _WITHOUT_PAUSE * _DAY_SECONDS:
        return ""
    for calendar in EXCHANGES:
        zone = ZoneInfo(time_zone(calendar))
        local = _fit(_instants_in(firsts, zone), _instants_in(lasts, zone), calendar, seconds)
        if local >= _FITTING > _fit(firsts, lasts, calendar, seconds):
            return _zone_question(f"of {calendar}", calendar, zone.key)
    return ""


def _zone_question(whose: str, calendar: str, zone: str) -> str:
    return (
        f"its hours are those {whose} if its times are in {zone}, and no offset says so; list the "
        f"symbol in assets.yaml with timezone: {zone} and calendar: {calendar}, or with "
        "timezone: UTC if they are in UTC"
    )


def _fit(
    firsts: np.ndarray[Any, Any], lasts: np.ndarray[Any, Any], calendar: str, seconds: int
) -> float:
    """The part of days that begin with the opening and end before the close, by their bars."""
    length = timedelta(seconds=seconds)
    begins, ends = firsts.tolist(), lasts.tolist()
    known = sessions(calendar, begins[0].date(), ends[-1].date())
    opening = {
        each.open_utc.replace(tzinfo=None): each.close_utc.replace(tzinfo=None) for each in known
    }
    fitting = 0
    for first, last in zip(begins, ends, strict=True):
        close = next((shut for at, shut in opening.items() if at - length < first <= at), None)
        fitting += close is not None and last < close
    return fitting / len(begins)


def _instants_in(written: np.ndarray[Any, Any], zone: ZoneInfo) -> np.ndarray[Any, Any]:
    """Times on clocks in ``zone`` as instants in UTC."""
    moments = [
        moment.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        for moment in written.tolist()
    ]
    return np.array(moments, SECOND)
