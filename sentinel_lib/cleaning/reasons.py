"""Why a row is quarantined, in words. Only such rows are looked at one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from sentinel_lib.cleaning.rule_names import (
    CONFLICTING_KEY,
    HELD_WITH_ASSET,
    MALFORMED,
    NO_BAR,
    NOT_A_SESSION,
    NOT_FINAL,
)
from sentinel_lib.cleaning.typed_bars import OPTIONAL_COLUMNS
from sentinel_lib.records.bar import DECLARED_COLUMNS, Bar
from sentinel_lib.rules.rule import RowRule

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

    A row has the columns of ``quarantined_rows``; ``held_back`` says why an asset is held.
    """
    by_name = {rule.name: rule for rule in rules}
    sentences = []
    for index, row in enumerate(rows):
        name = row["rule"]
        if name == HELD_WITH_ASSET:
            reason = (held_back or {}).get(row["asset"], "its asset is held back")
        elif name in _EXPLANATIONS:
            reason = _EXPLANATIONS[name](row, as_of)
        else:
            reason = _of_values(row, by_name.get(name), with_bar=index < MAX_EXPLAINED)
        sentences.append(f"{row['file']} line {row['line']}: {reason} [{name}]")
    return sentences


def bar_text(row: Row) -> dict[str, Any]:
    """The raw text of a row as ``Bar.model_validate`` takes it: only fields its asset declares."""
    columns = (*DECLARED_COLUMNS[row["fields"]], *OPTIONAL_COLUMNS)
    texts = {name: row[name] for name in ("interval", "timestamp", *columns)}
    return {"symbol": row["asset"], **texts}


def _of_values(row: Row, rule: RowRule | None, *, with_bar: bool) -> str:
    """What its rule says of the row, and what the ``Bar`` model says of its text."""
    reasons = _told_by_the_bar(row) if with_bar else []
    if rule is not None and not (reasons and rule.is_told_by_the_bar):
        reasons = [rule.explain(row), *reasons]
    return "; ".join(reasons) or "breaks the rule"


def _told_by_the_bar(row: Row) -> list[str]:
    context = {"date_format": row["date_format"], "timezone": row["timezone"]}
    try:
        Bar.model_validate(bar_text(row), context=context)
    except ValidationError as invalid:
        return [
            ": ".join([*map(str, error["loc"]), error["msg"].removeprefix("Value error, ")])
            for error in invalid.errors(include_url=False)
        ]
    return []


def _not_final(row: Row, as_of: datetime) -> str:
    if row["is_provisional"]:
        return "the source says that this bar is not final yet; the next run judges it again"
    return (
        f"the bar of {row['timestamp']} is not final at {as_of:%Y-%m-%dT%H:%M:%SZ}; "
        "a later run judges it again"
    )


_EXPLANATIONS: dict[str, Callable[[Row, datetime], str]] = {
    MALFORMED: lambda row, _: str(row["defect"]),
    NOT_FINAL: _not_final,
    NO_BAR: lambda row, _: f"no value, and {row['session']} is not a session of {row['calendar']}",
    NOT_A_SESSION: lambda row, _: (
        f"{row['session']} is not a session of calendar {row['calendar']}; "
        "if the asset trades then, give it another calendar"
    ),
    CONFLICTING_KEY: lambda row, _: (
        f"another row for {row['asset']} at {row['timestamp']} has other values "
        "and was fetched for the same as_of, so neither can be trusted"
    ),
}
