"""Why a row was refused, in words. Only refused rows are looked at one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from sentinel_lib.cleaning.row_rules import (
    CONFLICTING_KEY,
    HELD_BACK,
    MALFORMED,
    NO_BAR,
    NOT_A_SESSION,
    NOT_FINAL,
)
from sentinel_lib.cleaning.typed_bars import OPTIONAL_COLUMNS
from sentinel_lib.records.bar import DECLARED_COLUMNS, Bar
from sentinel_lib.settings.suites import Between, InSet, NotNull, PairGreater, RowRule

MAX_EXPLAINED = 10_000
"""Rows explained one by one; what lies beyond gets the words of its rule."""

Row = Mapping[str, Any]


def reasons(
    rows: Iterable[Row],
    rules: Sequence[RowRule],
    as_of: datetime,
    held_back: Mapping[str, str] | None = None,
) -> list[str]:
    """One sentence per row: file, line, what is wrong with which value, and the rule's name.

    A row has the columns of ``refused_rows``; ``held_back`` says why an asset is held.
    """
    by_name = {rule.name: rule for rule in rules}
    found = []
    for index, row in enumerate(rows):
        special = _SPECIAL.get(row["rule"])
        if row["rule"] == HELD_BACK:
            words = (held_back or {}).get(row["asset"], "its asset is held back")
        elif special is not None:
            words = special(row, as_of)
        else:
            spoken = _in_pydantic_words(row) if index < MAX_EXPLAINED else []
            rule = by_name.get(row["rule"])
            if rule is not None and (not spoken or isinstance(rule, Between | InSet)):
                spoken = [_in_rule_words(row, rule), *spoken]
            words = "; ".join(spoken) or "breaks the rule"
        found.append(f"{row['file']} line {row['line']}: {words} [{row['rule']}]")
    return found


def bar_text(row: Row) -> dict[str, Any]:
    """The raw text of a row as ``Bar.model_validate`` takes it: only fields its asset declares."""
    columns = (*DECLARED_COLUMNS[row["fields"]], *OPTIONAL_COLUMNS)
    values = {name: row[f"{name}_text"] for name in columns}
    identity = {"symbol": row["asset"], "interval": row["interval"]}
    return {**identity, "timestamp": row["timestamp_text"], **values}


def _in_pydantic_words(row: Row) -> list[str]:
    context = {"date_format": row["date_format"], "timezone": row["timezone"]}
    try:
        Bar.model_validate(bar_text(row), context=context)
    except ValidationError as invalid:
        return [
            ": ".join([*map(str, error["loc"]), error["msg"].removeprefix("Value error, ")])
            for error in invalid.errors(include_url=False)
        ]
    return []


def _in_rule_words(row: Row, rule: RowRule) -> str:
    values = {name: row.get(f"{name}_text") for name in rule.columns}
    if isinstance(rule, NotNull):
        return f"{rule.column}: has no value"
    if isinstance(rule, PairGreater):
        relation = "at least" if rule.or_equal else "greater than"
        left, right = values[rule.column_A], values[rule.column_B]
        return f"{rule.column_A} {left} should be {relation} {rule.column_B} {right}"
    if isinstance(rule, InSet):
        return f"{rule.column} {values[rule.column]!r} should be one of {rule.value_set}"
    return f"{rule.column} {values[rule.column]} should be {_bounds(rule)}"


def _bounds(rule: Between) -> str:
    parts = []
    if rule.min_value is not None:
        parts.append(f"{'above' if rule.strict_min else 'at least'} {rule.min_value:.15g}")
    if rule.max_value is not None:
        parts.append(f"{'below' if rule.strict_max else 'at most'} {rule.max_value:.15g}")
    return " and ".join(parts)


def _not_final(row: Row, as_of: datetime) -> str:
    if row["is_provisional"]:
        return "the source says that this bar is not final yet; the next run judges it again"
    return (
        f"the bar of {row['timestamp_text']} is not final at {as_of:%Y-%m-%dT%H:%M:%SZ}; "
        "a later run judges it again"
    )


_SPECIAL: dict[str, Callable[[Row, datetime], str]] = {
    MALFORMED: lambda row, _: str(row["defect"]),
    NOT_FINAL: _not_final,
    NO_BAR: lambda row, _: f"no value, and {row['session']} is not a session of {row['calendar']}",
    NOT_A_SESSION: lambda row, _: (
        f"{row['session']} is not a session of calendar {row['calendar']}; "
        "if the asset trades then, give it another calendar"
    ),
    CONFLICTING_KEY: lambda row, _: (
        f"another row for {row['asset']} at {row['timestamp_text']} has other values "
        "and was fetched for the same as_of: nobody can tell which is true"
    ),
}
