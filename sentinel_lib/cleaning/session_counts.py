"""What a resolved batch holds of each session: one grouped computation for all that looks at it."""

from ibis.expr.types import BooleanValue, Table

from sentinel_lib.cleaning.bar_times import is_in_closed_weekend, with_hours
from sentinel_lib.cleaning.rule_names import (
    INSERT,
    NOT_A_SESSION,
    OUTSIDE_THE_LIMIT,
    PROMOTED,
    QUARANTINED,
)


def session_counts(resolved: Table, sessions: Table) -> Table:
    """Per ``asset``, ``calendar``, ``interval`` and ``session``, how many rows are

    - ``dated``: they say something about the data, as those ``OUTSIDE_THE_LIMIT`` do not,
    - ``seen``: dated, on a day that is a session,
    - ``good``: not quarantined, whether Silver has them already or not,
    - ``fresh``: new to Silver, and within hours,
    - ``promoted``; ``first`` and ``last`` are the times of these, no two of which are equal.
    """
    rows = with_hours(resolved.filter(resolved.session.notnull()), sessions)
    is_promoted = rows.outcome == PROMOTED
    is_fresh = (rows.change == INSERT).fill_null(False) & rows.is_within_hours
    return rows.group_by(["asset", "calendar", "interval", "session"]).agg(
        dated=_is_dated(rows).sum(),
        seen=_is_seen(rows).sum(),
        good=(rows.outcome != QUARANTINED).sum(),
        fresh=is_fresh.sum(),
        promoted=is_promoted.sum(),
        first=rows.timestamp.min(where=is_promoted),
        last=rows.timestamp.max(where=is_promoted),
    )


def seen_spans(counts: Table) -> Table:
    """Per ``asset`` and its ``calendar``: ``sessions_seen``, and the ``first`` and ``last``."""
    seen = counts.filter(counts.seen > 0)
    return seen.group_by(["asset", "calendar"]).agg(
        sessions_seen=seen.count(), first=seen.session.min(), last=seen.session.max()
    )


def _is_dated(rows: Table) -> BooleanValue:
    return rows.rule.isnull() | rows.rule.notin(OUTSIDE_THE_LIMIT)


def _is_seen(rows: Table) -> BooleanValue:
    says_nothing = rows.rule.isin((*OUTSIDE_THE_LIMIT, NOT_A_SESSION)).fill_null(False)
    return ~says_nothing & ~is_in_closed_weekend(rows)
