"""Raw text read into types. The reading is that of the ``Bar`` model, for millions of rows at once.

The input is one row per raw row of the batch: the columns of ``bronze.bars``, those of its fetch
(``file``, ``source``, ``fetched_as_of``, ``date_format``, ``timezone``) and the terms of its asset
(``interval``, ``interval_seconds``, ``calendar``, ``calendar_timezone``, ``fields``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import ibis
from ibis.expr.types import BooleanValue, StringValue, Table, Value

from sentinel_lib.cleaning.bar_times import timed, trimmed
from sentinel_lib.records.bar import (
    DECLARED_COLUMNS,
    ISO_8601,
    MISSING_WORDS,
    NUMBER_PATTERN,
    PRICE_DIGITS,
    SCALE,
    VALUE_COLUMNS,
    VOLUME_DIGITS,
)

OPTIONAL_COLUMNS = ("adj_close",)

READING = ("payload", "layout", "source", "date_format", "timezone")
"""Which payload a row is of, and how it was read. With ``line`` it tells a row of a batch."""

_MISSING_PATTERN = f"^({'|'.join(map(re.escape, MISSING_WORDS))})$"
"""For DuckDB would look up each text of all rows in a list of words, needed or not."""

_TERMS = ("asset", "symbol", "interval", "calendar", "fields")

REPEATED_TEXT = (*READING, *_TERMS)
"""The columns of text in typed bars: few values, each in many rows."""


def typed_bars(raw: Table, date_formats: Iterable[str], times: Table | None = None) -> Table:
    """``raw`` with its values typed. A value that cannot be read is NULL.

    ``symbol`` is the asset's, ``timestamp`` is UTC (the session date at 00:00 for daily bars), each
    value an exact decimal. Adds ``session`` (date), ``final_at`` (when an intraday bar's interval
    ends), ``is_malformed`` (its source could not make out the row) and ``unreadable`` (the name of
    the first value that is there but is no number, or NULL). The text stays in ``raw``: ``READING``
    and ``line`` lead back to it. ``times`` are those of the whole payloads (``bar_times.timed``),
    of which ``raw`` may have only some rows.
    """
    text = raw.rename({f"{name}_text": name for name in ("symbol", "timestamp", *VALUE_COLUMNS)})
    dated = timed(text, tuple(date_formats) or (ISO_8601,), raw if times is None else times)
    symbolic = dated.mutate(symbol=dated.asset)
    plain = symbolic.mutate(
        **{f"{name}_number": _plain_number(symbolic, name) for name in VALUE_COLUMNS}
    )
    valued = plain.mutate(**{name: _number(plain, name) for name in VALUE_COLUMNS})
    judged = valued.mutate(
        is_malformed=valued.defect.notnull(),
        unreadable=ibis.cases(*((_is_unreadable(valued, name), name) for name in VALUE_COLUMNS)),
    )
    return judged.select(
        *READING, "line", *_TERMS, "is_daily", "is_provisional", "is_malformed", "fetched_as_of",
        "is_zone_assumed", "timestamp", "session", "final_at", *VALUE_COLUMNS, "unreadable",
    )  # fmt: skip


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
        (trimmed(text).re_search(NUMBER_PATTERN), trimmed(text)),
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
    is_there = ~trimmed(bars[f"{name}_text"]).lower().re_search(_MISSING_PATTERN)
    return ibis.cases(
        (bars[name].notnull() | ~has_column(bars, name), False), else_=is_there
    ).fill_null(False)
