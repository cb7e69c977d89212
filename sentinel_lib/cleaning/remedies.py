"""Why an asset has so many quarantined rows: the rule most of them break, and what helps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import ibis
from ibis.expr.types import Table

from sentinel_lib.cleaning.reasons import reasons
from sentinel_lib.cleaning.row_keys import quarantined_rows
from sentinel_lib.cleaning.rule_names import (
    CONFLICTING_KEY,
    HELD_WITH_ASSET,
    MALFORMED,
    NOT_A_SESSION,
    OUTSIDE_THE_LIMIT,
    UNREADABLE,
)
from sentinel_lib.errors import counted
from sentinel_lib.records.bar import EPOCH_UNITS, MISSING_WORDS, timestamp_of
from sentinel_lib.rules.not_null import NotNull
from sentinel_lib.rules.rule import RowRule

SAMPLE = 20
"""So many rows of each asset and rule are looked at for what would read them."""

_DATES = (
    "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d", "%m/%d/%y",
    "%d/%m/%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_DATE_FORMATS = ("iso", *(day + time for day in _DATES for time in _TIMES), *EPOCH_UNITS)
_LATEST_YEAR = 2100
"""Seconds read as milliseconds give 1970, and milliseconds read as seconds years far ahead."""
_EARLIEST_YEAR = 1971
_BESIDE_THE_CLOSE = ("open", "high", "low", "volume")
_SATURDAY = 5

Rows = Sequence[Mapping[str, Any]]


def remedies(
    resolved: Table, raw: Table, assets: Sequence[str], rules: Sequence[RowRule], as_of: datetime
) -> dict[str, str]:
    """For each of ``assets`` with quarantined rows: how many break the rule that most of them
    break, one of them in words with its file and line, and the key of the configuration that would
    let them pass.

    ``raw`` is the batch that ``resolved`` was made of. Rules that say nothing against the data come
    last.
    """
    chosen = resolved.filter(resolved.asset.isin([*assets] or [""]))
    rows = quarantined_rows(chosen, raw)
    rows = rows.filter(rows.rule != HELD_WITH_ASSET)
    key = [rows.asset, rows.rule]
    order = [rows.file, rows.payload, rows.layout, rows.line]
    numbered = rows.mutate(
        place=ibis.row_number().over(ibis.window(group_by=key, order_by=order)),
        alike=rows.count().over(ibis.window(group_by=key)),
    )
    shown = numbered.filter(numbered.place < SAMPLE).order_by(["asset", "rule", "place"])
    samples: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in shown.to_pyarrow().to_pylist():
        samples.setdefault((row["asset"], row["rule"]), []).append(row)
    largest: dict[str, list[dict[str, Any]]] = {}
    for (asset, _), sample in samples.items():
        if asset not in largest or _weight(sample) > _weight(largest[asset]):
            largest[asset] = sample
    return {asset: _in_words(sample, rules, as_of) for asset, sample in largest.items()}


def remedy(rows: Rows, rules: Sequence[RowRule]) -> str:
    """What would let ``rows`` pass, all of one asset and one rule; empty if unknown."""
    name, is_file = rows[0]["rule"], rows[0]["source"] == "files"
    column, _, ending = name.partition(".")
    if name in _OF_RULE:
        return _OF_RULE[name](rows)
    if ending == UNREADABLE:
        if not is_file:
            return ""
        return _of_dates(rows) if column == "timestamp" else _of_numbers(column, rows)
    missing = [rule.column for rule in rules if rule.name == name and isinstance(rule, NotNull)]
    return _of_absence(missing[0], rows) if missing else ""


def _weight(rows: Rows) -> tuple[bool, int, str]:
    return rows[0]["rule"] not in OUTSIDE_THE_LIMIT, rows[0]["alike"], rows[0]["rule"]


def _in_words(rows: Rows, rules: Sequence[RowRule], as_of: datetime) -> str:
    [example] = reasons(rows[:1], rules, as_of)
    sentence = f"{counted(rows[0]['alike'], 'row')} quarantined like {example}"
    cure = remedy(rows, rules)
    return f"{sentence}: {cure}" if cure else sentence


def _of_dates(rows: Rows) -> str:
    texts = [row["timestamp"] or "" for row in rows]
    readable = [form for form in _DATE_FORMATS if all(_reads(form, text) for text in texts)]
    if not readable:
        return "set date_format to how its times are written, or columns: {timestamp: ...}"
    return "set date_format: " + " or ".join(f'"{form}"' for form in readable[:2])


def _reads(date_format: str, text: str) -> bool:
    try:
        _, instant = timestamp_of(text, date_format, "UTC")
    except (ValueError, OverflowError):
        return False
    return _EARLIEST_YEAR <= instant.year <= _LATEST_YEAR


def _of_numbers(column: str, rows: Rows) -> str:
    texts = [(row[column] or "").strip() for row in rows]
    if all(re.fullmatch(r"[+-]?[\d.' ]*\d,\d+", text) for text in texts):
        return "write its numbers with a decimal point: no key reads a decimal comma"
    if all(re.fullmatch(r"\D{0,3}\d[\d,' ]*(\.\d+)?\D{0,3}", text) for text in texts):
        return "write its numbers as digits alone: no key reads separators, signs or units"
    return f"set columns: {{{column}: ...}} to the column that has the {column}"


def _of_absence(column: str, rows: Rows) -> str:
    def is_absent(name: str) -> bool:
        return all((row[name] or "").strip().lower() in MISSING_WORDS for row in rows)

    if column in _BESIDE_THE_CLOSE and all(map(is_absent, _BESIDE_THE_CLOSE)):
        return "set fields: close if it has no other price than the close"
    if rows[0]["source"] != "files" or not is_absent(column):
        return ""
    return (
        f"set columns: {{{column}: ...}} if its file has the {column} under another name; "
        f"else change the rule about {column} in expectations/silver.yaml"
    )


def _of_days(rows: Rows) -> str:
    if any(row["session"].weekday() >= _SATURDAY for row in rows):
        return "set calendar: 24/7 if it trades at weekends"
    if rows[0]["interval"] != "1d" and rows[0]["source"] == "files":
        return "set calendar to where it trades, or timezone if its times are local"
    return "set calendar to where it trades"


_OF_RULE: dict[str, Callable[[Rows], str]] = {
    MALFORMED: lambda _: "set delimiter if columns are separated by another character",
    NOT_A_SESSION: _of_days,
    CONFLICTING_KEY: lambda _: (
        "set interval to that of its bars, or columns: {symbol: ...} "
        "if its file holds several series"
    ),
}
