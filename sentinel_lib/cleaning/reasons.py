"""Why rows are quarantined, in words, and what would let them pass."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import ibis
from ibis.expr.types import Table
from pydantic import ValidationError

from sentinel_lib.cleaning.row_keys import quarantined_rows
from sentinel_lib.cleaning.rule_names import (
    CONFLICTING_KEY,
    HELD_WITH_ASSET,
    MALFORMED,
    NO_BAR,
    NOT_A_SESSION,
    NOT_FINAL,
    OUTSIDE_THE_LIMIT,
    UNREADABLE,
)
from sentinel_lib.cleaning.typed_bars import OPTIONAL_COLUMNS
from sentinel_lib.errors import counted
from sentinel_lib.records.bar import (
    DECLARED_COLUMNS,
    EPOCH_UNITS,
    MISSING_WORDS,
    ONE_DAY,
    Bar,
    timestamp_of,
)
from sentinel_lib.rules.kinds import NotNull, RowRule

MAX_EXPLAINED = 10_000
"""Rows explained one by one; what lies beyond gets the words of its rule."""

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
_OF_PRICES = "set prices: any if its prices can really be zero or negative"
_BESIDE_THE_CLOSE = ("open", "high", "low", "volume")
_SATURDAY = 5

Row = Mapping[str, Any]
Rows = Sequence[Row]


def reasons(
    rows: Iterable[Row], rules: Sequence[RowRule], as_of: datetime, held_back: Mapping[str, str]
) -> list[str]:
    """One sentence per row: file, line, what is wrong with which value, and the rule's name.

    A row has the columns of ``quarantined_rows``; ``held_back`` says why an asset is held.
    """
    by_name = {rule.name: rule for rule in rules}
    sentences = []
    for index, row in enumerate(rows):
        name = row["rule"]
        if name == HELD_WITH_ASSET:
            reason = held_back[row["asset"]]
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
    if rule is not None and _is_for_positive_prices(rule):
        reasons.append(_OF_PRICES)
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
    samples: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in shown.to_pyarrow().to_pylist():
        samples[row["asset"], row["rule"]].append(row)
    by_weight = sorted(samples.values(), key=_weight)
    largest = {sample[0]["asset"]: sample for sample in by_weight}
    return {asset: _in_words(sample, rules, as_of) for asset, sample in largest.items()}


def remedy(rows: Rows, rules: Sequence[RowRule]) -> str:
    """What would let ``rows`` pass, all of one asset and one rule; empty if unknown."""
    name, is_file = rows[0]["rule"], rows[0]["source"] == "files"
    column, _, ending = name.partition(".")
    if name in _OF_RULE:
        return _OF_RULE[name](rows)
    if ending == UNREADABLE and not is_file:
        return ""
    if ending == UNREADABLE:
        return _of_dates(rows) if column == "timestamp" else _of_numbers(column, rows)
    rule = next((rule for rule in rules if rule.name == name), None)
    if isinstance(rule, NotNull):
        return _of_absence(rule.column, rows)
    return _OF_PRICES if rule is not None and _is_for_positive_prices(rule) else ""


def _is_for_positive_prices(rule: RowRule) -> bool:
    is_for_them = rule.for_ is not None and rule.for_.prices == "positive"
    return is_for_them and not rule.judges_missing


def _weight(rows: Rows) -> tuple[bool, int, str]:
    return rows[0]["rule"] not in OUTSIDE_THE_LIMIT, rows[0]["alike"], rows[0]["rule"]


def _in_words(rows: Rows, rules: Sequence[RowRule], as_of: datetime) -> str:
    [example] = reasons(rows[:1], rules, as_of, {})
    sentence = f"{counted(rows[0]['alike'], 'row')} quarantined like {example}"
    cure = remedy(rows, rules)
    return f"{sentence}: {cure}" if cure and cure not in sentence else sentence


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
    otherwise = f"change the rule about {column} in expectations/silver.yaml"
    if column == "volume":
        otherwise = "set fields: ohlc, for a series without a volume"
    return (
        f"set columns: {{{column}: ...}} if its file has the {column} under another name; "
        f"else {otherwise}"
    )


def _of_days(rows: Rows) -> str:
    if any(row["session"].weekday() >= _SATURDAY for row in rows):
        return "set calendar: 24/7 if it trades at weekends"
    if rows[0]["interval"] != ONE_DAY and rows[0]["source"] == "files":
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
