"""Which rule, if any, a single row breaks: the structure of a bar first, then the suite's rules."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import and_

import ibis
from ibis.expr.types import BooleanValue, Table

from sentinel_lib.cleaning.bar_times import is_in_closed_weekend, with_hours
from sentinel_lib.cleaning.rule_names import MALFORMED, NO_BAR, NOT_A_SESSION, NOT_FINAL, UNREADABLE
from sentinel_lib.cleaning.typed_bars import has_column
from sentinel_lib.records.bar import VALUE_COLUMNS
from sentinel_lib.rules.kinds import RowRule


def judged_rows(typed: Table, sessions: Table, rules: Sequence[RowRule], as_of: datetime) -> Table:
    """``typed`` with ``rule``, the first rule a row breaks by itself, or NULL.

    ``sessions`` has one row per calendar and session: ``calendar``, ``session_date``, ``open_utc``,
    ``close_utc``, ``break_start_utc``, ``break_end_utc``. ``as_of`` decides which bars are final.
    """
    bars = with_hours(typed, sessions)
    broken = [
        (bars.is_malformed, MALFORMED),
        (bars.timestamp.isnull(), f"timestamp.{UNREADABLE}"),
        (_is_not_final(bars, as_of), NOT_FINAL),
        (bars.session_date.isnull() & _says_nothing(bars), NO_BAR),
        (bars.session_date.isnull() & ~is_in_closed_weekend(bars), NOT_A_SESSION),
        (bars.unreadable.notnull(), bars.unreadable + f".{UNREADABLE}"),
        *((~row_passes(bars, rule), rule.name) for rule in rules),
        *_bar_rules(bars),
    ]
    return bars.select(*typed.columns, rule=ibis.cases(*broken))


def row_passes(bars: Table, rule: RowRule) -> BooleanValue:
    """Whether a row keeps ``rule``. A rule does not apply where the asset lacks a column of it, or
    is not one that the rule is ``for``.
    """
    declared = (has_column(bars, name) for name in rule.columns if name in VALUE_COLUMNS)
    is_about = bars.prices == rule.for_.prices if rule.for_ else ibis.literal(True)
    applies = reduce(and_, declared, is_about)
    return ~applies | rule.holds(bars).fill_null(True)


def _is_not_final(bars: Table, as_of: datetime) -> BooleanValue:
    now = ibis.literal(as_of, "timestamp('UTC')")
    ends = bars.timestamp + bars.interval_seconds.as_interval("s")
    crosses_the_close = bars.keeps_hours & (ends > bars.close_utc)
    closes_then = bars.is_within_hours & (bars.is_daily | crosses_the_close)
    closes = closes_then.ifelse(bars.close_utc, ends)
    is_ahead = bars.timestamp > now
    return bars.is_provisional | is_ahead | (closes > now).fill_null(False)


def _says_nothing(bars: Table) -> BooleanValue:
    """A row without any value: how price-only files write a holiday."""
    return reduce(and_, (bars[name].isnull() for name in VALUE_COLUMNS), bars.unreadable.isnull())


def _bar_rules(bars: Table) -> list[tuple[BooleanValue, str]]:
    """What the ``Bar`` model demands whatever the suite says."""
    highest = ibis.greatest(*(bars[name] for name in ("open", "low", "close")))
    lowest = ibis.least(*(bars[name] for name in ("open", "high", "close")))
    return [
        (bars.close.isnull(), "bar.close"),
        ((bars.volume < 0).fill_null(False), "bar.volume"),
        ((bars.high < highest).fill_null(False), "bar.high"),
        ((bars.low > lowest).fill_null(False), "bar.low"),
    ]
