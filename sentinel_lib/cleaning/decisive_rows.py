"""The few rows of a table that decide what a suite says of all of them."""

from collections.abc import Sequence

import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib.rules.kinds import Rule, UniqueTogether

WHOLE = 10_000
"""Tables of at most so many rows are shown to the suite as they are, larger ones begin so."""


def decisive_rows(rows: Table, rules: Sequence[Rule], key: Sequence[str] = ()) -> pa.Table:
    """The first rows, and for every rule those that decide it (``Rule.decisive``).

    ``key`` names columns in which no two rows are known to agree. A row that decides several rules
    comes once; rows that agree where they must not come all, though they may be equal.
    """
    first = rows.limit(WHOLE).to_pyarrow()
    if len(first) < WHOLE:
        return first
    parts, repeated = [first], list[pa.Table]()
    for rule in rules:
        of_rule = repeated if isinstance(rule, UniqueTogether) else parts
        of_rule += [part.to_pyarrow() for part in rule.decisive(rows, key)]
    several = pa.concat_tables(parts)
    once = several.group_by(several.column_names).aggregate([])
    return pa.concat_tables([once, *repeated])
