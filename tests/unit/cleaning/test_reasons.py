"""What would let refused rows pass: the key of the configuration, by rule and by what they hold."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sentinel_lib.cleaning.reasons import remedy
from sentinel_lib.rules.kinds import Between, NotNull

NOT_NULL = [
    NotNull(expect="expect_column_values_to_not_be_null", column=name, on_fail="quarantine")
    for name in ("open", "close", "volume")
]
OPEN, CLOSE, VOLUME = (rule.name for rule in NOT_NULL)


def row(rule: str, **values: Any) -> dict[str, Any]:
    texts = {
        name: values.pop(name, "10")
        for name in ("timestamp", "open", "high", "low", "close", "volume")
    }
    known = {"rule": rule, "source": "files", "interval": "1d", "session": date(2024, 5, 6)}
    return {**known, **texts, **values}


@pytest.mark.parametrize(
    ("times", "cure"),
    [
        (["05/31/2024", "06/03/2024"], 'set date_format: "%m/%d/%Y"'),
        (["31/05/2024", "03/06/2024"], 'set date_format: "%d/%m/%Y"'),
        (["05/06/2024"], 'set date_format: "%m/%d/%Y" or "%d/%m/%Y"'),
        (["31.05.2024 16:00"], 'set date_format: "%d.%m.%Y %H:%M"'),
        (["20240531"], 'set date_format: "%Y%m%d"'),
        (["May 31, 2024"], 'set date_format: "%b %d, %Y" or "%B %d, %Y"'),
        (["1714521600", "1714608000"], 'set date_format: "epoch_s"'),
        (["1714521600000", "1714608000000"], 'set date_format: "epoch_ms"'),
        (["2024-05-31"], 'set date_format: "iso"'),
        (["AAPL", "AAPL"], "set date_format to how its times are written, or columns: {timestamp"),
    ],
)
def test_times_that_cannot_be_read_are_told_their_format(times: list[str], cure: str) -> None:
    rows = [row("timestamp.unreadable", timestamp=time) for time in times]

    assert remedy(rows, []).startswith(cure)


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        ("1.234,50", "write its numbers with a decimal point"),
        ("0,5", "write its numbers with a decimal point"),
        ("$10.50", "write its numbers as digits alone"),
        ("1,234,567.5", "write its numbers as digits alone"),
        ("12%", "write its numbers as digits alone"),
        ("Apple Inc", "set columns: {close: ...} to the column that has the close"),
    ],
)
def test_numbers_that_cannot_be_read_are_told_what_to_do(value: str, cure: str) -> None:
    assert remedy([row("close.unreadable", close=value)], []).startswith(cure)


@pytest.mark.parametrize(
    ("values", "rule", "cure"),
    [
        (dict.fromkeys(("open", "high", "low", "volume")), OPEN, "set fields: close"),
        (
            {"volume": ""},
            VOLUME,
            "set columns: {volume: ...} if its file has the volume under another name; "
            "else set fields: ohlc",
        ),
        ({"close": "n/a"}, CLOSE, "set columns: {close: ...} if its file has the close under"),
    ],
)
def test_values_that_are_absent_are_told_the_key(
    values: dict[str, Any], rule: str, cure: str
) -> None:
    assert remedy([row(rule, **values)], NOT_NULL).startswith(cure)


def test_prices_that_are_not_positive_are_told_the_key_once() -> None:
    rule = Between.model_validate(
        {
            "expect": "expect_column_values_to_be_between",
            "column": "close",
            "min_value": 0,
            "for": {"prices": "positive"},
            "on_fail": "quarantine",
        }
    )
    cure = "set prices: any if its prices can really be zero or negative"

    assert remedy([row(rule.name, close="-37.63")], [rule]) == cure
    assert remedy([row(rule.name)], [rule.model_copy(update={"for_": None})]) == ""


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        ({"session": date(2024, 5, 4)}, "set calendar: 24/7 if it trades at weekends"),
        ({}, "set calendar to where it trades"),
        ({"interval": "1h"}, "set calendar to where it trades, or timezone"),
    ],
)
def test_bars_outside_the_sessions_are_told_the_calendar(values: dict[str, Any], cure: str) -> None:
    assert remedy([row("not_a_session", **values)], []).startswith(cure)


def test_ragged_rows_and_repeated_keys_are_told_their_keys() -> None:
    assert remedy([row("row.malformed")], []).startswith("set delimiter")
    assert "columns: {symbol: ...}" in remedy([row("conflicting_key")], [])


@pytest.mark.parametrize("rule", ["timestamp.unreadable", "close.unreadable"])
def test_sources_that_have_no_such_key_are_told_none(rule: str) -> None:
    assert remedy([row(rule, source="kraken")], []) == ""


def test_bars_that_are_only_wrong_are_told_no_key() -> None:
    assert remedy([row("bar.high")], NOT_NULL) == ""
