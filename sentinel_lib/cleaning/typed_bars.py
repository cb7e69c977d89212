"""Raw text read into types. The reading is that of the ``Bar`` model, for millions of rows at once.

The input is one row per raw row of the batch: the columns of ``bronze.bars``, those of its fetch
(``file``, ``source``, ``fetched_as_of``, ``date_format``, ``timezone``) and the terms of its asset
(``interval``, ``interval_seconds``, ``calendar``, ``calendar_timezone``, ``fields``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import ibis
from ibis.expr.types import BooleanValue, DateValue, StringValue, Table, TimestampValue, Value

from sentinel_lib.records.bar import (
    DECLARED_COLUMNS,
    EPOCH_PATTERN,
    EPOCH_UNITS,
    FIRST_YEAR,
    ISO_8601,
    LAST_EPOCH_SECOND,
    LAST_YEAR,
    MISSING_WORDS,
    NUMBER_PATTERN,
    PRICE_DIGITS,
    SCALE,
    TIMESTAMP_PATTERN,
    VALUE_COLUMNS,
    VOLUME_DIGITS,
)

OPTIONAL_COLUMNS = ("adj_close",)
DAILY = "1d"

READING = ("payload", "layout", "source", "date_format", "timezone")
"""Which payload a row is of, and how it was read. With ``line`` it tells a row of a batch."""

_MISSING_PATTERN = f"^({'|'.join(map(re.escape, MISSING_WORDS))})$"
"""For DuckDB would look up each text of all rows in a list of words, needed or not."""

_TERMS = ("asset", "symbol", "interval", "calendar", "fields")

REPEATED_TEXT = (*READING, *_TERMS)
"""The columns of text in typed bars: few values, each in many rows."""


@ibis.udf.scalar.builtin(name="trim", signature=(("string", "string"), "string"))
def _trim(text, characters):  # type: ignore[no-untyped-def]
    """``.strip()`` of Ibis knows no set of characters."""


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "string"), "timestamp"))
def _try_strptime(text, date_format):  # type: ignore[no-untyped-def]
    """A failed parse is NULL; Ibis has only the one that raises."""


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp"), "timestamp('UTC')"))
def _instant_of_local(zone, local):  # type: ignore[no-untyped-def]
    """The instant at which clocks in ``zone`` show ``local``."""


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp('UTC')"), "timestamp"))
def _local_of_instant(zone, instant):  # type: ignore[no-untyped-def]
    """What clocks in ``zone`` show at ``instant``."""


def typed_bars(raw: Table, date_formats: Iterable[str]) -> Table:
    """``raw`` with its values typed. A value that cannot be read is NULL.

    ``symbol`` is the asset's, ``timestamp`` is UTC (the session date at 00:00 for daily bars), each
    value an exact decimal. Adds ``session`` (date), ``final_at`` (when an intraday bar's interval
    ends), ``is_malformed`` (its source could not make out the row) and ``unreadable`` (the name of
    the first value that is there but is no number, or NULL). The text stays in ``raw``: ``READING``
    and ``line`` lead back to it.
    """
    text = raw.rename({f"{name}_text": name for name in ("symbol", "timestamp", *VALUE_COLUMNS)})
    timed = _timed(text, tuple(date_formats) or (ISO_8601,))
    plain = timed.mutate(**{f"{name}_number": _plain_number(timed, name) for name in VALUE_COLUMNS})
    valued = plain.mutate(**{name: _number(plain, name) for name in VALUE_COLUMNS})
    judged = valued.mutate(
        is_malformed=valued.defect.notnull(),
        unreadable=ibis.cases(*((_is_unreadable(valued, name), name) for name in VALUE_COLUMNS)),
    )
    return judged.select(
        *READING, "line", *_TERMS, "is_daily", "is_provisional", "is_malformed", "fetched_as_of",
        "timestamp", "session", "final_at", *VALUE_COLUMNS, "unreadable",
    )  # fmt: skip


def session_of(bars: Table) -> DateValue:
    """The session of a bar: a daily one's own date, else its date on the exchange's clock."""
    local = _local_of_instant(bars.calendar_timezone, bars.timestamp)
    daily = _local_of_instant("UTC", bars.timestamp)
    return (bars.interval == DAILY).ifelse(daily, local).date()


def has_column(bars: Table, name: str) -> BooleanValue:
    """Whether a row's asset declares the field ``name``; adj_close may be there for any."""
    if name in OPTIONAL_COLUMNS:
        return ibis.literal(True)
    declaring = [kind for kind, columns in DECLARED_COLUMNS.items() if name in columns]
    return bars.fields.isin(declaring)


def _plain_number(bars: Table, name: str) -> Value:
    """The text of a number, or NULL. What needs no trimming, nearly all, is not trimmed."""
    text = bars[f"{name}_text"]
    return ibis.cases(
        (~has_column(bars, name), ibis.null("string")),
        (text.re_search(NUMBER_PATTERN), text),
        (_trimmed(text).re_search(NUMBER_PATTERN), _trimmed(text)),
    )


def _number(bars: Table, name: str) -> Value:
    digits = VOLUME_DIGITS if name == "volume" else PRICE_DIGITS
    number = bars[f"{name}_number"]
    has_exponent = number.contains("e") | number.contains("E")
    return ibis.cases(
        (has_exponent, _with_exponent(number, digits).try_cast(f"decimal({digits}, {SCALE})")),
        else_=number.try_cast(f"decimal({digits}, {SCALE})"),
    )


def _with_exponent(number: StringValue, digits: int) -> Value:
    """``1.5e3``. DuckDB 2.0 lets a decimal overflow here, so its size is looked at first."""
    fits = number.try_cast("float64").abs() <= 10.0 ** (digits - SCALE)
    return fits.ifelse(number, ibis.null("string")).try_cast(f"decimal(38, {SCALE})")


def _is_unreadable(bars: Table, name: str) -> BooleanValue:
    is_there = ~_trimmed(bars[f"{name}_text"]).lower().re_search(_MISSING_PATTERN)
    return ibis.cases(
        (bars[name].notnull() | ~has_column(bars, name), False), else_=is_there
    ).fill_null(False)


def _trimmed(text: StringValue) -> StringValue:
    return _trim(text, " \t")


def _timed(text: Table, date_formats: tuple[str, ...]) -> Table:
    trimmed = text.mutate(when=_trimmed(text.timestamp_text), is_daily=text.interval == DAILY)
    zoned = trimmed.mutate(zone=(trimmed.date_format == ISO_8601).ifelse(_zone(trimmed.when), ""))
    read = zoned.mutate(
        written=ibis.cases(
            *((zoned.date_format == one, _written(zoned, one)) for one in date_formats),
            else_=ibis.null("timestamp"),
        ),
        offset_minutes=(zoned.zone == "").ifelse(ibis.null("int64"), _minutes(zoned.zone)),
    )
    at_offset = read.written - read.offset_minutes.as_interval("m")
    timed = read.mutate(
        symbol=read.asset,
        timestamp=ibis.cases(
            (read.is_daily, _instant_of_local("UTC", read.written.truncate("D"))),
            (read.offset_minutes.isnull(), _instant_of_local(read.timezone, read.written)),
            else_=_instant_of_local("UTC", at_offset),
        ),
    )
    return timed.mutate(
        session=session_of(timed),
        final_at=timed.timestamp + timed.interval_seconds.as_interval("s"),
    )


def _written(bars: Table, date_format: str) -> TimestampValue:
    text = bars.when
    if date_format in EPOCH_UNITS:
        readable = text.re_search(EPOCH_PATTERN).ifelse(text, ibis.null("string"))
        seconds = readable.try_cast("int64") // EPOCH_UNITS[date_format]
        seconds = (seconds <= LAST_EPOCH_SECOND).ifelse(seconds, ibis.null("int64"))
        return _local_of_instant("UTC", seconds.as_timestamp("s").cast("timestamp('UTC')"))
    if date_format == ISO_8601:
        moment = text.left(text.length() - bars.zone.length())
        is_iso = text.re_search(TIMESTAMP_PATTERN)
        return is_iso.ifelse(moment, ibis.null("string")).try_cast("timestamp")
    moment = _try_strptime(text, date_format)
    return moment.year().between(FIRST_YEAR, LAST_YEAR).ifelse(moment, ibis.null("timestamp"))


def _zone(iso: StringValue) -> StringValue:
    """``Z`` or ``+05:30`` at the end of a time, else an empty text. A date has 10 characters."""
    return ibis.cases(
        (iso.endswith("Z"), "Z"),
        ((iso.length() > 10) & iso.right(6).left(1).isin(["+", "-"]), iso.right(6)),
        else_="",
    )


def _minutes(zone: StringValue) -> Value:
    """``+05:30`` as 330. ``Z`` as 0."""
    size = zone.substr(1, 2).try_cast("int64") * 60 + zone.substr(4, 2).try_cast("int64")
    return ibis.cases((zone == "Z", 0), (zone.startswith("-"), -size), else_=size)
