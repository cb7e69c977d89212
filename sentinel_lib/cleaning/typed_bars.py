"""Raw text read into types. The reading is that of the ``Bar`` model, for millions of rows at once.

The input is one row per raw row of the batch: the columns of ``bronze.bars``, those of its fetch
(``file``, ``source``, ``fetched_as_of``, ``date_format``, ``timezone``) and the terms of its asset
(``interval``, ``interval_seconds``, ``calendar``, ``calendar_timezone``, ``fields``).
"""

from __future__ import annotations

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

    The text of a column moves to ``<name>_text``; ``symbol`` is the asset's, ``timestamp`` is UTC
    (the session date at 00:00 for daily bars), each value an exact decimal. Adds ``session``
    (date), ``final_at`` (when an intraday bar's interval ends) and ``unreadable`` (the name of the
    first value that is there but is no number, or NULL).
    """
    text = raw.rename({f"{name}_text": name for name in ("symbol", "timestamp", *VALUE_COLUMNS)})
    timed = _timed(text, tuple(date_formats) or (ISO_8601,))
    values = {name: _number(timed, name) for name in VALUE_COLUMNS}
    unreadable = ibis.cases(
        *((_is_unreadable(timed, name, value), name) for name, value in values.items())
    )
    return timed.mutate(**values, unreadable=unreadable)


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


def _number(bars: Table, name: str) -> Value:
    digits = VOLUME_DIGITS if name == "volume" else PRICE_DIGITS
    written = _trimmed(bars[f"{name}_text"])
    readable = has_column(bars, name) & written.re_search(NUMBER_PATTERN)
    number = readable.ifelse(written, ibis.null("string"))
    exact = f"decimal({digits}, {SCALE})"
    return ibis.cases(
        (number.re_search("[eE]"), _with_exponent(number, digits).try_cast(exact)),
        else_=number.try_cast(exact),
    )


def _with_exponent(number: StringValue, digits: int) -> Value:
    """``1.5e3``. DuckDB 2.0 lets a decimal overflow here, so its size is looked at first."""
    fits = number.try_cast("float64").abs() <= 10.0 ** (digits - SCALE)
    return fits.ifelse(number, ibis.null("string")).try_cast(f"decimal(38, {SCALE})")


def _is_unreadable(bars: Table, name: str, value: Value) -> BooleanValue:
    written = _trimmed(bars[f"{name}_text"]).lower()
    return has_column(bars, name) & written.notin(MISSING_WORDS) & value.isnull()


def _trimmed(text: StringValue) -> StringValue:
    return _trim(text, " \t")


def _timed(text: Table, date_formats: tuple[str, ...]) -> Table:
    written = _trimmed(text.timestamp_text)
    zone = written.re_extract(TIMESTAMP_PATTERN, 7)
    is_iso = text.date_format == ISO_8601
    timed = text.mutate(
        written=ibis.cases(
            *((text.date_format == one, _written(written, one)) for one in date_formats),
            else_=ibis.null("timestamp"),
        ),
        offset_minutes=(is_iso & (zone != "")).ifelse(_minutes(zone), ibis.null("int64")),
        is_daily=text.interval == DAILY,
    )
    at_offset = timed.written - timed.offset_minutes.as_interval("m")
    in_zone = _instant_of_local(timed.timezone, timed.written)
    instant = timed.offset_minutes.isnull().ifelse(in_zone, _instant_of_local("UTC", at_offset))
    bar_time = timed.is_daily.ifelse(_instant_of_local("UTC", timed.written.truncate("D")), instant)
    timed = timed.mutate(symbol=timed.asset, timestamp=bar_time)
    return timed.mutate(
        session=session_of(timed),
        final_at=timed.timestamp + timed.interval_seconds.as_interval("s"),
    ).drop("offset_minutes")


def _written(text: StringValue, date_format: str) -> TimestampValue:
    if date_format in EPOCH_UNITS:
        readable = text.re_search(EPOCH_PATTERN).ifelse(text, ibis.null("string"))
        seconds = readable.try_cast("int64") // EPOCH_UNITS[date_format]
        seconds = (seconds <= LAST_EPOCH_SECOND).ifelse(seconds, ibis.null("int64"))
        return _local_of_instant("UTC", seconds.as_timestamp("s").cast("timestamp('UTC')"))
    if date_format == ISO_8601:
        day = text.re_extract(TIMESTAMP_PATTERN, 1)
        time = text.re_extract(TIMESTAMP_PATTERN, 3)
        moment = (time == "").ifelse(day, day + " " + time)
        return (day == "").ifelse(ibis.null("string"), moment).try_cast("timestamp")
    moment = _try_strptime(text, date_format)
    return moment.year().between(FIRST_YEAR, LAST_YEAR).ifelse(moment, ibis.null("timestamp"))


def _minutes(zone: StringValue) -> Value:
    """``+05:30`` as 330. ``Z`` as 0."""
    size = zone.substr(1, 2).try_cast("int64") * 60 + zone.substr(4, 2).try_cast("int64")
    return ibis.cases((zone == "Z", 0), (zone.startswith("-"), -size), else_=size)
