"""Which of several rows with one key is the bar, and what it changes in Silver.

The key is (symbol, interval, timestamp). The latest fetch wins; equal values are duplicates;
different values of one fetch contradict each other, and then all of them are quarantined.
"""

from functools import reduce
from operator import or_

import ibis
from ibis.expr.types import BooleanValue, Table

from sentinel_lib.cleaning.rule_names import (
    CONFLICTING_KEY,
    CORRECTION,
    DEDUPLICATED,
    INSERT,
    PROMOTED,
    QUARANTINED,
)
from sentinel_lib.cleaning.typed_bars import READING
from sentinel_lib.records.bar import VALUE_COLUMNS

KEY = ("symbol", "interval", "timestamp")

USUAL: dict[str, str | None] = {"rule": None, "outcome": PROMOTED, "change": INSERT}
"""What becomes of most rows."""


def resolved_rows(judged: Table, silver: Table) -> Table:
    """``judged``, whose rows have a number, ``row``, with ``outcome`` (promoted, quarantined or
    deduplicated) and ``change``.

    ``silver`` is what is published: rows of ``silver.bars``. ``change`` says whether a promoted
    row is new there or corrects one. Every row gets exactly one outcome.
    """
    failing = judged.filter(judged.rule.notnull())
    against_silver = _against_silver(_within_the_batch(judged), silver)
    return against_silver.union(
        failing.mutate(outcome=ibis.literal(QUARANTINED), change=ibis.null("string"))
    )


def quarantined_rows(resolved: Table, raw: Table) -> Table:
    """The quarantined rows of ``resolved`` as ``raw`` has them, with ``rule`` and ``session``."""
    quarantined = resolved.filter(resolved.outcome == QUARANTINED)
    row = [*READING, "line", "asset"]
    return quarantined.select(*row, "rule", "session").join(raw, row)


def _within_the_batch(judged: Table) -> Table:
    """The rows that pass, with ``rank`` (1: the bar of its key) and ``contradicts``.

    Few keys repeat, and only their rows are ranked.
    """
    counted = judged.group_by(list(KEY)).agg(passing=judged.rule.isnull().sum())
    repeated = counted.filter(counted.passing > 1).select(list(KEY))
    # Filtered after the join: were it the same expression as below, DuckDB would keep a copy of it.
    met = judged.semi_join(repeated, list(KEY))
    ranked = _ranked(met.filter(met.rule.isnull()))
    joined = judged.filter(judged.rule.isnull()).left_join(ranked, judged.row == ranked.of_row)
    rank, contradicts = joined["rank"].fill_null(1), joined.contradicts.fill_null(False)
    return joined.mutate(rank=rank, contradicts=contradicts).drop("of_row")


def _ranked(rivals: Table) -> Table:
    order = [ibis.desc("fetched_as_of"), "payload", "layout", "line"]
    window = ibis.window(group_by=list(KEY), order_by=order)
    whole = ibis.window(group_by=list(KEY))
    firsts = {f"first_{name}": rivals[name].first(include_null=True) for name in VALUE_COLUMNS}
    ranked = rivals.mutate(
        rank=ibis.row_number().over(window) + 1,
        is_latest=rivals.fetched_as_of == rivals.fetched_as_of.max().over(whole),
        **{name: first.over(window) for name, first in firsts.items()},
    )
    ranked = ranked.mutate(differs=_differs(ranked, "first_") & ranked.is_latest)
    contradicts = ranked.differs.max().over(whole) & ranked.is_latest
    return ranked.select("rank", of_row=ranked.row, contradicts=contradicts)


def _against_silver(ranked: Table, silver: Table) -> Table:
    compared = (*KEY, *VALUE_COLUMNS, "fetched_as_of")
    published = silver.select(**{f"published_{name}": name for name in compared})
    joined = ranked.left_join(
        published, [ranked[name] == published[f"published_{name}"] for name in KEY]
    )
    is_published = joined.published_symbol.notnull()
    is_changed = is_published & _differs(joined, "published_")
    is_same_fetch = joined.fetched_as_of == joined.published_fetched_as_of
    is_older = joined.fetched_as_of < joined.published_fetched_as_of
    is_conflict = joined.contradicts | ((joined["rank"] == 1) & is_changed & is_same_fetch)
    is_duplicate = (joined["rank"] > 1) | (is_published & ~is_changed) | (is_published & is_older)
    resolved = joined.mutate(
        rule=is_conflict.ifelse(CONFLICTING_KEY, ibis.null("string")),
        outcome=ibis.cases(
            (is_conflict, QUARANTINED), (is_duplicate, DEDUPLICATED), else_=PROMOTED
        ),
        change=ibis.cases(
            (is_conflict | is_duplicate, ibis.null("string")),
            (is_changed, CORRECTION),
            else_=INSERT,
        ),
    )
    return resolved.drop("rank", "contradicts", *published.columns)


def _differs(rows: Table, prefix: str) -> BooleanValue:
    return reduce(or_, (~rows[name].identical_to(rows[prefix + name]) for name in VALUE_COLUMNS))
