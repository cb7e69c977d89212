"""What each kind of rule says of a row that breaks it, and what it asks Great Expectations."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from sentinel_lib.rules.kinds import RowRule
from sentinel_lib.rules.suites import Suite


def rule_of(**written: Any) -> Any:
    suite = {"table": "silver.bars", "rules": [{"on_fail": "warn", **written}]}
    return Suite.model_validate(suite).rules[0]


NOT_NULL = rule_of(expect="expect_column_values_to_not_be_null", column="close")
BETWEEN = rule_of(
    expect="expect_column_values_to_be_between", column="close", min_value=0, strict_min=True
)
IN_SET = rule_of(
    expect="expect_column_values_to_be_in_set", column="symbol", value_set=["AAPL", "MSFT"]
)
PAIR = rule_of(
    expect="expect_column_pair_values_a_to_be_greater_than_b", column_A="high", column_B="low"
)
UNIQUE = rule_of(expect="expect_compound_columns_to_be_unique", column_list=["symbol", "day"])


@pytest.mark.parametrize(
    ("rule", "texts", "words"),
    [
        (NOT_NULL, {"close": None}, "close: has no value"),
        (BETWEEN, {"close": "-1"}, "close -1 should be above 0"),
        (IN_SET, {"symbol": "IBM"}, "symbol 'IBM' should be one of ['AAPL', 'MSFT']"),
        (PAIR, {"high": "8", "low": "9"}, "high 8 should be greater than low 9"),
    ],
)
def test_a_rule_says_why_a_row_is_quarantined(
    rule: RowRule, texts: dict[str, str | None], words: str
) -> None:
    assert rule.explain(texts) == words


def test_bounds_that_include_their_values_say_so() -> None:
    rule = rule_of(
        expect="expect_column_values_to_be_between", column="close", min_value=1, max_value=2
    )

    assert rule.explain({"close": "3"}) == "close 3 should be at least 1 and at most 2"


def test_an_open_bound_is_closed_for_the_expectation_and_not_shown() -> None:
    largest = sys.float_info.max

    assert BETWEEN.expectation_defaults == {"min_value": -largest, "max_value": largest}
    assert BETWEEN.arguments == {"column": "close", "min_value": 0.0, "strict_min": True}


def test_missing_values_are_left_out_of_pairs_and_compared_in_keys() -> None:
    assert PAIR.expectation_defaults["ignore_row_if"] == "either_value_is_missing"
    assert UNIQUE.expectation_defaults["ignore_row_if"] == "never"


@pytest.mark.parametrize("rule", [BETWEEN, PAIR])
def test_a_rule_that_compares_numbers_does_not_fit_other_columns(rule: RowRule) -> None:
    wrong = rule.model_copy(update={"column": "interval", "column_A": "interval"})

    assert wrong.misfit().endswith("compares numbers, and interval has none")
    assert rule.misfit() == ""
