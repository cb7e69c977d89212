"""Raw text read into types. The reading is that of the ``Bar`` model, for millions of rows at once.

The input is one row per raw row of the batch: the columns of ``bronze.bars``, those of its fetch
(``file``, ``source``, ``fetched_as_of``, ``date_format``, ``timezone``) and the terms of its asset
(``interval``, ``interval_seconds``, ``calendar``, ``calendar_timezone``,
``session_shift_seconds``, ``keeps_hours``, ``fields``, ``prices``).
"""

import re
from collections.abc import Iterable
from functools import reduce
from operator import add, or_

import ibis
from ibis.expr.types import BooleanValue, StringValue, Table, Value

from sentinel_lib.cleaning.bar_times import date_labels, timed, trimmed
from sentinel_lib.records.bar import (
    DECLARED_COLUMNS,
    DIGITS,
    ISO_8601,
    MISSING_WORDS,
    NUMBER_PATTERN,
    SCALE,
    VALUE_COLUMNS,
    WHOLE_DIGITS,
)

OPTIONAL_COLUMNS = ("adj_close",)

READING = ("payload", "layout", "source", "date_format", "timezone")
"""Which payload a row is of, and how it was read. With ``line`` it tells a row of a batch."""

_MISSING_PATTERN = f"^({'|'.join(map(re.escape, MISSING_WORDS))})$"
"""For DuckDB would look up each text of all rows in a list of words, needed or not."""

_USUAL = rf"^[0-9]{{1,{WHOLE_DIGITS}}}(\.[0-9]{{1,{SCALE}}})?$"
_TOO_FINE = rf"\.[0-9]{{{SCALE}}}[0-9]*[1-9]"
_EXPONENT = r"^([+-]?)([0-9]*)\.?([0-9]*)[eE]([+-]?[0-9]+)$"

_DECIMAL = f"decimal({DIGITS}, {SCALE})"

_TERMS = ("asset", "symbol", "interval", "calendar", "fields", "prices")


def typed_bars(raw: Table, date_formats: Iterable[str], labels: Table | None = None) -> Table:
    """``raw`` with its values typed. A value that cannot be read is NULL.

    ``symbol`` is the asset's, ``timestamp`` is UTC (the session date at 00:00 for daily bars), each
    value an exact decimal. Adds ``session`` (date), ``is_malformed`` (its source could not make out
    the row), ``unreadable`` (the name of the first value that is written but not a number, or NULL)
    and ``rounded`` (each value that has more decimals than are kept, as `` close=...``, or NULL).
    The text stays in ``raw``: ``READING`` and ``line`` lead back to it. ``labels`` are those
    of the whole payloads (``bar_times.date_labels``), of which ``raw`` may have only some rows.
    """
    text = raw.rename({f"{name}_text": name for name in ("symbol", "timestamp", *VALUE_COLUMNS)})
    formats = tuple(date_formats) or (ISO_8601,)
    dated = timed(text, formats, date_labels(raw, formats) if labels is None else labels)
    valued = _with_numbers(dated)
    unreadable = ibis.cases(*((_is_unreadable(valued, name), name) for name in VALUE_COLUMNS))
    has_unusual = reduce(or_, (valued[f"{name}_unusual"].notnull() for name in VALUE_COLUMNS))
    rounded = reduce(add, (_too_fine(valued, name) for name in VALUE_COLUMNS)).nullif("")
    valued = valued.mutate(
        symbol=valued.asset,
        is_malformed=valued.defect.notnull(),
        rounded=has_unusual.ifelse(rounded, ibis.null("string")),
    )
    return valued.mutate(unreadable=unreadable).select(
        *READING, "line", *_TERMS, "is_daily", "is_provisional", "is_malformed", "fetched_as_of",
        "is_zone_assumed", "interval_seconds", "keeps_hours", "timestamp", "session",
        *VALUE_COLUMNS, "unreadable", "rounded",
    )  # fmt: skip


def has_column(bars: Table, name: str) -> BooleanValue:
    """Whether a row's asset declares the field ``name``; adj_close may be there for any."""
    if name in OPTIONAL_COLUMNS:
        return ibis.literal(True)
    declaring = [kind for kind, columns in DECLARED_COLUMNS.items() if name in columns]
    return bars.fields.isin(declaring)


def _with_numbers(bars: Table) -> Table:
    """Adds each value as an exact decimal, and its text where it is written unusually.

    In steps, each for all columns, and by the cheapest expressions first: nearly all numbers are
    usual, and what is unusual is looked at only where it is.
    """
    texts = {name: bars[f"{name}_text"] for name in VALUE_COLUMNS}
    usual = {f"{name}_is_usual": text.re_search(_USUAL) for name, text in texts.items()}
    read = bars.mutate(**{name: text.try_cast(_DECIMAL) for name, text in texts.items()}, **usual)
    unusual = read.mutate(**{f"{name}_unusual": _unusual(read, name) for name in VALUE_COLUMNS})
    plain = unusual.mutate(
        **{f"{name}_unusual": _without_exponent(unusual, name) for name in VALUE_COLUMNS}
    )
    return plain.mutate(**{name: _value(plain, name) for name in VALUE_COLUMNS})


def _unusual(bars: Table, name: str) -> Value:
    """The text of a number that is not usual; NULL where it is of no number or field."""
    text, nothing = trimmed(bars[f"{name}_text"]), ibis.null("string")
    number = text.re_search(NUMBER_PATTERN).ifelse(text, nothing)
    is_other = bars[f"{name}_is_usual"] | ~has_column(bars, name)
    return ibis.cases((is_other, nothing), else_=number)


def _value(bars: Table, name: str) -> Value:
    unusual = bars[f"{name}_unusual"].try_cast(_DECIMAL)
    value = bars[f"{name}_is_usual"].ifelse(bars[name], unusual)
    return has_column(bars, name).ifelse(value, ibis.null(_DECIMAL))


def _without_exponent(bars: Table, name: str) -> StringValue:
    """``1.5e3`` as ``1500.``: DuckDB 2.0 reads few digits before an exponent."""
    number = bars[f"{name}_unusual"]
    sign, whole, fraction, power = (number.re_extract(_EXPONENT, group) for group in (1, 2, 3, 4))
    point = whole.length() + power.try_cast("int64")
    zero, digits = ibis.literal("0"), whole + fraction
    before = zero.repeat(ibis.greatest(-point, 0))
    after = zero.repeat(ibis.greatest(point - digits.length(), 0))
    padded, split = before + digits + after, ibis.greatest(point, 0)
    plain = sign + padded.left(split) + "." + padded.substr(split)
    return number.re_search("[eE]").ifelse(plain, number)


def _too_fine(bars: Table, name: str) -> StringValue:
    """The name and text of a value that has more decimals than are kept, else an empty text."""
    is_rounded = bars[f"{name}_unusual"].re_search(_TOO_FINE).fill_null(False)
    return is_rounded.ifelse(f" {name}=" + trimmed(bars[f"{name}_text"]), "")


def _is_unreadable(bars: Table, name: str) -> BooleanValue:
    is_there = ~trimmed(bars[f"{name}_text"]).lower().re_search(_MISSING_PATTERN)
    is_fine = bars[name].notnull() | ~has_column(bars, name)
    return is_fine.ifelse(False, is_there).fill_null(False)
