"""When a bar is: the text of its time as an instant, and the session to which it belongs."""

from collections.abc import Callable
from typing import Any

import ibis
from ibis.expr.types import BooleanValue, DateValue, StringValue, Table, TimestampValue, Value

from sentinel_lib.records.bar import (
    EPOCH_PATTERN,
    EPOCH_UNITS,
    EXCEL,
    EXCEL_PATTERN,
    EXCEL_START,
    FIRST_YEAR,
    ISO_8601,
    LAST_EPOCH_SECOND,
    LAST_YEAR,
    ONE_DAY,
    TIMESTAMP_PATTERN,
    WHITESPACE,
    is_in_utc,
)
from sentinel_lib.settings.calendar_names import CURRENCIES

TIMES = ("payload", "layout", "asset", "interval", "timestamp", "date_format", "timezone")
"""What tells whether the daily times of a payload are date labels."""

_SATURDAY, _SUNDAY = 5, 6
_GROUP = ("payload", "layout", "asset")
_USUAL = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z?)?$"
_OFFSET_PATTERN = r"(Z|[+-][0-9]{2}:?[0-9]{2})$"
_LENGTH_IN_UTC = len("2024-03-01T00:00:00Z")
_UTC = "UTC"


def _of_duckdb(name: str, arguments: tuple[str, ...], result: str) -> Callable[..., Any]:
    """A function of DuckDB that Ibis lacks."""
    functions = (lambda only: ..., lambda first, second: ...)  # Ibis counts their parameters
    builtin = ibis.udf.scalar.builtin(name=name, signature=(arguments, result))
    return builtin(functions[len(arguments) - 1])  # type: ignore[no-any-return]


# .strip() of Ibis knows no set of characters.
_trim = _of_duckdb("trim", ("string", "string"), "string")
# A failed parse is NULL; Ibis has only the one that raises. With %z or %Z it gives an instant.
_try_strptime = _of_duckdb("try_strptime", ("string", "string"), "timestamp")
_try_strptime_with_offset = _of_duckdb("try_strptime", ("string", "string"), "timestamp('UTC')")
_timezone_of_time = _of_duckdb("timezone", ("string", "timestamp"), "timestamp('UTC')")
_timezone_of_instant = _of_duckdb("timezone", ("string", "timestamp('UTC')"), "timestamp")
# DuckDB asks ICU about UTC too: to count microseconds takes a tenth of the time.
_us_of_time = _of_duckdb("epoch_us", ("timestamp",), "int64")
_us_of_instant = _of_duckdb("epoch_us", ("timestamp('UTC')",), "int64")
_time_at = _of_duckdb("make_timestamp", ("int64",), "timestamp")
_instant_at = _of_duckdb("make_timestamptz", ("int64",), "timestamp('UTC')")


def instant_of_utc(time: TimestampValue) -> TimestampValue:
    """The instant at which clocks in UTC show ``time``."""
    return _instant_at(_us_of_time(time))


def utc_of_instant(instant: TimestampValue) -> TimestampValue:
    """What clocks in UTC show at ``instant``."""
    return _time_at(_us_of_instant(instant))


def instant_of_local(zone: StringValue, time: TimestampValue) -> TimestampValue:
    """The instant at which clocks in ``zone`` show ``time``."""
    return (zone == _UTC).ifelse(instant_of_utc(time), _timezone_of_time(zone, time))


def local_of_instant(zone: StringValue, instant: TimestampValue) -> TimestampValue:
    """What clocks in ``zone`` show at ``instant``."""
    return (zone == _UTC).ifelse(utc_of_instant(instant), _timezone_of_instant(zone, instant))


def timed(rows: Table, date_formats: tuple[str, ...], labels: Table) -> Table:
    """``rows``, whose text of a time is ``timestamp_text``, with what it says.

    Adds ``timestamp`` (UTC; the session date at 00:00 for daily bars), ``session``, ``is_daily``,
    and ``is_zone_assumed``: the text has no offset, so it was read in ``timezone``.

    A daily time is a date label if it has no offset or another one than zero; if it has the offset
    zero, where ``labels`` (those of ``date_labels``) names its asset and its payload. Any other
    belongs to the day that the clocks of its exchange show then.
    """
    read = _read(rows.mutate(is_daily=rows.interval == ONE_DAY), date_formats)
    labels = labels.rename({f"of_{name}": name for name in _GROUP})
    known = read.left_join(labels, [read[name] == labels[f"of_{name}"] for name in _GROUP])
    is_label = known.offset_minutes.isnull() | (known.offset_minutes != 0)
    is_label |= known.of_payload.notnull() & _is_midnight(known.instant)
    local = _date_time_of(known, known.instant)
    day = is_label.ifelse(known.written, local).truncate("D")
    dated = known.mutate(
        timestamp=known.is_daily.ifelse(instant_of_utc(day), known.instant),
        is_zone_assumed=known.offset_minutes.isnull(),
    )
    return dated.mutate(session=session_of(dated))


def session_of(bars: Table) -> DateValue:
    """The session of a bar: a daily one's own date, else its date on the exchange's clock, which
    begins with the evening before where the exchange opens then.
    """
    daily = utc_of_instant(bars.timestamp)
    return (bars.interval == ONE_DAY).ifelse(daily, _date_time_of(bars, bars.timestamp)).date()


def is_in_closed_weekend(bars: Table) -> BooleanValue:
    """Whether a bar of the calendar of currencies is outside its week: one that begins between
    Friday and Sunday at 17:00 in New York, or a daily one of a Sunday, which holds the evening that
    belongs to Monday. A daily one of a Saturday is not: there is nothing of which it could be.
    """
    first_day = (bars.interval == ONE_DAY).ifelse(_SUNDAY, _SATURDAY)
    is_closed = (bars.calendar == CURRENCIES) & (bars.session.day_of_week.index() >= first_day)
    return is_closed.fill_null(False)


def with_hours(bars: Table, sessions: Table) -> Table:
    """``bars``, which have their terms and ``session``, each beside its session of ``sessions`` and
    with ``is_within_hours``: some of it lies within the hours, not all in the break. So does always
    a bar that keeps no hours, unless it ``is_in_closed_weekend``.
    """
    hours = sessions.rename(session_calendar="calendar")
    same = [bars.calendar == hours.session_calendar, bars.session == hours.session_date]
    bars = bars.left_join(hours, same)
    ends = bars.timestamp + bars.interval_seconds.as_interval("s")
    is_in_break = (bars.timestamp >= bars.break_start_utc) & (ends <= bars.break_end_utc)
    overlaps = (bars.timestamp < bars.close_utc) & (ends > bars.open_utc)
    is_open = (overlaps & ~is_in_break.fill_null(False)).fill_null(False)
    may_be_outside = bars.keeps_hours | is_in_closed_weekend(bars)
    return bars.mutate(is_within_hours=~may_be_outside | is_open)


def _date_time_of(bars: Table, instant: TimestampValue) -> TimestampValue:
    local = local_of_instant(bars.calendar_timezone, instant)
    return local + bars.session_shift_seconds.as_interval("s")


def trimmed(text: StringValue) -> StringValue:
    """``text`` without white space around it."""
    return _trim(text, WHITESPACE)


def date_labels(times: Table, date_formats: tuple[str, ...]) -> Table:
    """The ``payload``, ``layout`` and ``asset`` of daily times with the offset zero that are date
    labels: all of them are 00:00 UTC, the newest aside where there are others.

    ``times`` has the columns ``TIMES`` of all rows of each payload.
    """
    daily = times.filter(times.interval == ONE_DAY).rename(timestamp_text="timestamp")
    read = _read(daily, date_formats)
    read = read.filter(read.offset_minutes == 0, read.instant.notnull())
    off = _is_midnight(read.instant).ifelse(ibis.null("timestamp('UTC')"), read.instant)
    grouped = read.group_by(list(_GROUP)).agg(
        oldest=read.instant.min(), newest=read.instant.max(), first_off=off.min()
    )
    is_only_the_newest = (grouped.first_off == grouped.newest) & (grouped.oldest < grouped.newest)
    return grouped.filter(grouped.first_off.isnull() | is_only_the_newest).select(*_GROUP)


def _read(rows: Table, date_formats: tuple[str, ...]) -> Table:
    """Adds ``written`` (as the text has it), ``offset_minutes`` (or NULL) and ``instant``.

    Nearly all times are usual, and read by the cheapest expressions; the others by their format.
    """
    text, is_iso = rows.timestamp_text, rows.date_format == ISO_8601
    cut = rows.mutate(
        is_usual=(is_iso & text.re_search(_USUAL)).fill_null(False),
        written=text.try_cast("timestamp"),
    )
    nothing, no_zone = ibis.null("string"), ibis.null("int64")
    trim = cut.mutate(when=cut.is_usual.ifelse(nothing, trimmed(text)))
    zone = _by_format(trim, date_formats, _zone)
    zoned = trim.mutate(zone=trim.is_usual.ifelse(nothing, zone))
    other = _by_format(zoned, date_formats, _written)
    usual_offset = (text.length() == _LENGTH_IN_UTC).ifelse(0, no_zone)
    other_offset = (zoned.zone == "").ifelse(no_zone, _minutes(zoned.zone))
    read = zoned.mutate(
        written=zoned.is_usual.ifelse(zoned.written, other),
        offset_minutes=zoned.is_usual.ifelse(usual_offset, other_offset),
    )
    at_offset = read.written - read.offset_minutes.as_interval("m")
    return read.mutate(
        instant=ibis.cases(
            (read.offset_minutes == 0, instant_of_utc(read.written)),
            (read.offset_minutes.notnull(), instant_of_utc(at_offset)),
            else_=instant_of_local(read.timezone, read.written),
        )
    )


def _by_format(rows: Table, date_formats: tuple[str, ...], read) -> Value:  # type: ignore[no-untyped-def]
    return ibis.cases(*((rows.date_format == name, read(rows, name)) for name in date_formats))


def _written(rows: Table, date_format: str) -> TimestampValue:
    text = rows.when
    if date_format in EPOCH_UNITS:
        readable = text.re_search(EPOCH_PATTERN).ifelse(text, ibis.null("string"))
        seconds = readable.split(".")[0].try_cast("int64") // EPOCH_UNITS[date_format]
        seconds = (seconds <= LAST_EPOCH_SECOND).ifelse(seconds, ibis.null("int64"))
        return utc_of_instant(seconds.as_timestamp("s").cast("timestamp('UTC')"))
    if date_format == EXCEL:
        serial = text.re_search(EXCEL_PATTERN).ifelse(text, ibis.null("string"))
        seconds = (serial.try_cast("decimal(30, 12)") * 86_400).round().try_cast("int64")
        moment = ibis.literal(EXCEL_START) + seconds.as_interval("s")
        return moment.year().between(FIRST_YEAR, LAST_YEAR).ifelse(moment, ibis.null("timestamp"))
    if date_format == ISO_8601:
        moment = text.left(text.length() - rows.zone.length())
        is_iso = text.re_search(TIMESTAMP_PATTERN)
        return is_iso.ifelse(moment, ibis.null("string")).try_cast("timestamp")
    if "%z" in date_format or "%Z" in date_format:
        instant = _try_strptime_with_offset(text, date_format)
        moment = utc_of_instant(instant) + _minutes(rows.zone).as_interval("m")
    else:
        moment = _try_strptime(text, date_format)
    return moment.year().between(FIRST_YEAR, LAST_YEAR).ifelse(moment, ibis.null("timestamp"))


def _zone(rows: Table, date_format: str) -> Value:
    """``Z`` or ``+05:30`` at the end of a time, else an empty text. A date has 10 characters."""
    text = rows.when
    if is_in_utc(date_format):
        return ibis.literal("Z")
    if "%z" in date_format:
        return text.re_extract(_OFFSET_PATTERN, 1)
    if date_format != ISO_8601:
        return ibis.literal("")
    return ibis.cases(
        (text.endswith("Z"), "Z"),
        ((text.length() > 10) & text.right(6).left(1).isin(["+", "-"]), text.right(6)),
        else_="",
    )


def _minutes(zone: StringValue) -> Value:
    """``+05:30`` and ``+0530`` as 330. ``Z`` as 0."""
    size = zone.substr(1, 2).try_cast("int64") * 60 + zone.right(2).try_cast("int64")
    return ibis.cases((zone == "Z", 0), (zone.startswith("-"), -size), else_=size)


def _is_midnight(instant: TimestampValue) -> BooleanValue:
    written = utc_of_instant(instant)
    return written == written.truncate("D")
