from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pandas as pd
import pytest

from sentinel_lib import validation
from sentinel_lib.errors import GateBlocked
from sentinel_lib.records.stage import Check
from sentinel_lib.rules.kinds import AnyRule
from sentinel_lib.rules.suites import Suite, SuiteLimits, load_suite
from sentinel_lib.validation import audit

# Great Expectations imports two modules of the standard library that Python 3.11 deprecates.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:module 'sre_(constants|parse)' is deprecated:DeprecationWarning"
)

NAN = float("nan")
INF = float("inf")

NOT_NULL = {"expect": "expect_column_values_to_not_be_null", "column": "high"}
BETWEEN = {"expect": "expect_column_values_to_be_between", "column": "high", "min_value": 0}
IN_SET = {"expect": "expect_column_values_to_be_in_set", "column": "source", "value_set": ["files"]}
PAIR = {
    "expect": "expect_column_pair_values_a_to_be_greater_than_b",
    "column_A": "high",
    "column_B": "low",
    "or_equal": True,
}
EXISTS = {"expect": "expect_column_to_exist", "column": "high"}
UNIQUE = {"expect": "expect_compound_columns_to_be_unique", "column_list": ["symbol", "day"]}
ROW_COUNT = {"expect": "expect_table_row_count_to_be_between", "min_value": 2}
EVERY_KIND = [ROW_COUNT, PAIR, NOT_NULL, BETWEEN, IN_SET, EXISTS, UNIQUE]

GOOD = pd.DataFrame(
    {
        "symbol": ["AAPL", "AAPL", "SPY"],
        "day": [1, 2, 1],
        "high": [3.0, 4.0, 5.0],
        "low": [3.0, 2.0, 1.0],
        "source": ["files", "files", "files"],
    }
)


def suite(*rules: dict[str, Any], on_fail: str = "block", table: str = "silver.bars") -> Suite:
    written = [{"on_fail": on_fail, **rule} for rule in rules]
    return Suite.model_validate({"table": table, "rules": written})


def only(checks: list[Check]) -> Check:
    assert len(checks) == 1
    return checks[0]


def test_good_rows_pass_every_kind_of_rule_in_the_order_of_the_suite() -> None:
    asked = suite(*EVERY_KIND)

    checks = audit(asked, GOOD)

    assert [check.name for check in checks] == [rule.name for rule in asked.rules]
    assert [check.passed for check in checks] == [True] * len(EVERY_KIND)
    assert {check.table for check in checks} == {"silver.bars"}


def test_every_kind_of_rule_that_a_suite_may_hold_is_tried_here() -> None:
    kinds = get_args(get_args(AnyRule)[0])

    names = {get_args(kind.model_fields["expect"].annotation)[0] for kind in kinds}

    assert names == {rule["expect"] for rule in EVERY_KIND}


@pytest.mark.parametrize(
    ("rule", "defect", "observed"),
    [
        (NOT_NULL, {"high": [3.0, NAN, 5.0]}, "1 of 3 rows break it"),
        (BETWEEN, {"high": [3.0, -4.0, 5.0], "low": -5.0}, "1 of 3 rows break it"),
        (IN_SET, {"source": ["files", "rumour", "files"]}, "1 of 3 rows break it"),
        (PAIR, {"low": [3.0, 2.0, 9.0]}, "1 of 3 rows break it"),
        (UNIQUE, {"day": [1, 1, 1]}, "2 of 3 rows break it"),
        ({**ROW_COUNT, "min_value": 4}, {}, "3"),
        ({**EXISTS, "column": "adj_close"}, {}, ""),
    ],
)
def test_one_defect_fails_the_rule_that_is_about_it_and_no_other(
    rule: dict[str, Any], defect: dict[str, Any], observed: str
) -> None:
    others = [one for one in EVERY_KIND if one["expect"] != rule["expect"]]

    found, *rest = audit(suite(rule, *others), GOOD.assign(**defect))

    assert (found.passed, found.blocks, found.observed) == (False, True, observed)
    assert [check.passed for check in rest] == [True] * len(others)


def test_no_rows_are_not_a_pass() -> None:
    check = only(audit(suite(NOT_NULL, BETWEEN), GOOD.iloc[:0]))

    assert (check.name, check.passed, check.blocks) == ("evaluated", False, True)
    assert check.observed == "2 rules over 0 rows"


def test_no_rules_are_not_a_pass() -> None:
    check = only(audit(suite(NOT_NULL), GOOD, rules=[]))

    assert (check.name, check.passed, check.blocks) == ("evaluated", False, True)


def test_only_the_rules_that_are_asked_for_are_run() -> None:
    asked = suite(*EVERY_KIND)

    check = only(audit(asked, GOOD, rules=asked.rules[2:3]))

    assert check.name == "expect_column_values_to_not_be_null(high)"


@pytest.mark.parametrize("rule", [BETWEEN, PAIR])
@pytest.mark.parametrize("missing", [[NAN] * 3, [None] * 3], ids=["nan", "none"])
def test_column_without_any_value_is_not_a_pass(rule: dict[str, Any], missing: list[Any]) -> None:
    check = only(audit(suite(rule), GOOD.assign(high=missing)))

    assert (check.passed, check.blocks, check.observed) == (False, True, "no value to judge")


def test_set_without_any_value_in_the_column_is_not_a_pass() -> None:
    check = only(audit(suite(IN_SET), GOOD.assign(source=[None, None, None])))

    assert (check.passed, check.observed) == (False, "no value to judge")


def test_missing_values_between_bounds_are_left_to_the_rule_about_nulls() -> None:
    rows = GOOD.assign(high=[3.0, NAN, 5.0])

    between, not_null = audit(suite(BETWEEN, NOT_NULL), rows)

    assert (between.passed, not_null.passed) == (True, False)


def test_pair_with_one_side_missing_is_ignored() -> None:
    rows = GOOD.assign(high=[NAN, 4.0, 5.0], low=[3.0, NAN, 1.0])

    assert only(audit(suite(PAIR), rows)).passed


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (BETWEEN, INF),
        ({"expect": BETWEEN["expect"], "column": "high", "max_value": 9}, -INF),
        ({**BETWEEN, "strict_min": True}, INF),
    ],
)
def test_infinity_does_not_lie_between(rule: dict[str, Any], value: float) -> None:
    check = only(audit(suite(rule), GOOD.assign(high=[3.0, value, 5.0])))

    assert (check.passed, check.observed) == (False, "1 of 3 rows break it")


def test_bounds_are_shown_as_they_were_written() -> None:
    check = only(audit(suite({**BETWEEN, "strict_min": True}), GOOD))

    assert check.expected == "column=high, min_value=0.0, strict_min=True"


def test_whole_numbers_with_gaps_are_judged_like_others() -> None:
    rows = GOOD.assign(high=pd.array([3, None, -1], dtype="Int64"))

    assert only(audit(suite(BETWEEN), rows)).observed == "1 of 3 rows break it"


@pytest.mark.parametrize("rule", [NOT_NULL, BETWEEN, PAIR, UNIQUE, IN_SET])
@pytest.mark.parametrize("on_fail", ["warn", "block"])
def test_rule_about_a_missing_column_blocks_even_where_it_should_only_warn(
    rule: dict[str, Any], on_fail: str
) -> None:
    rows = GOOD.drop(columns=["high", "source", "day"])

    check = only(audit(suite(rule, on_fail=on_fail), rows))

    assert (check.passed, check.blocks) == (False, True)
    assert check.observed.startswith("could not be evaluated: ")
    assert "does not exist" in check.observed


@pytest.mark.parametrize("rule", [BETWEEN, PAIR])
@pytest.mark.parametrize("values", [["3", "4", "5"], [3.0, "4", 5.0]], ids=["text", "mixed"])
def test_rule_about_numbers_blocks_where_there_is_text(
    rule: dict[str, Any], values: list[Any]
) -> None:
    check = only(audit(suite(rule, on_fail="warn"), GOOD.assign(high=values)))

    assert (check.passed, check.blocks) == (False, True)
    assert check.observed.startswith("could not be evaluated: ")


def test_failed_rule_that_warns_does_not_block() -> None:
    check = only(audit(suite(NOT_NULL, on_fail="warn"), GOOD.assign(high=[3.0, NAN, 5.0])))

    assert (check.passed, check.blocks) == (False, False)


def test_same_rule_twice_gives_two_checks() -> None:
    warned, blocked = audit(
        suite({**NOT_NULL, "on_fail": "warn"}, NOT_NULL), GOOD.assign(high=[3.0, NAN, 5.0])
    )

    assert (warned.passed, warned.blocks) == (False, False)
    assert (blocked.passed, blocked.blocks) == (False, True)


@pytest.mark.parametrize("is_strict_first", [True, False])
def test_rules_that_differ_in_an_option_are_not_mistaken_for_each_other(
    is_strict_first: bool,
) -> None:
    rows = GOOD.assign(high=[0.0, 4.0, 5.0])
    strict = {**BETWEEN, "strict_min": True}

    checks = audit(suite(*((strict, BETWEEN) if is_strict_first else (BETWEEN, strict))), rows)

    assert [check.passed for check in checks] == [not is_strict_first, is_strict_first]


def test_rows_are_left_as_they_were() -> None:
    rows = GOOD.assign(high=[3.0, NAN, -5.0])
    before = rows.copy(deep=True)

    audit(suite(*EVERY_KIND), rows)

    pd.testing.assert_frame_equal(rows, before)


def test_digest_changes_with_what_the_suite_demands() -> None:
    variants = [
        suite(NOT_NULL),
        suite(NOT_NULL, NOT_NULL),
        suite(NOT_NULL, on_fail="warn"),
        suite({**NOT_NULL, "column": "low"}),
        suite(NOT_NULL, table="gold.aggregates"),
        suite(NOT_NULL).model_copy(update={"limits": SuiteLimits(min_rows=2)}),
    ]

    assert len({variant.digest for variant in variants}) == len(variants)


def test_digest_does_not_see_comments_or_layout(tmp_path: Path) -> None:
    folder = tmp_path / "expectations"
    folder.mkdir()
    (folder / "gold.yaml").write_text(
        "table: t.x\nrules:\n  - {expect: expect_column_to_exist, column: high, on_fail: block}\n"
    )
    (folder / "bronze.yaml").write_text(
        "# why\nrules:\n"
        "  - on_fail: block   # as always\n    column: high\n    expect: expect_column_to_exist\n"
        "table: t.x\n"
    )

    digests = {load_suite(tmp_path, layer).digest for layer in ("gold", "bronze")}

    assert len(digests) == 1


def answer(place: int, kind: dict[str, Any]) -> SimpleNamespace:
    config = SimpleNamespace(meta={"rule": place}, type=kind["expect"])
    return SimpleNamespace(expectation_config=config)


@pytest.mark.parametrize(
    "answers",
    [
        [answer(0, NOT_NULL)],
        [answer(0, NOT_NULL), answer(0, NOT_NULL)],
        [answer(0, NOT_NULL), answer(1, IN_SET)],
        [answer(0, NOT_NULL), answer(1, BETWEEN), answer(2, PAIR)],
    ],
    ids=["missing", "twice", "of another kind", "one too many"],
)
def test_a_gate_that_did_not_answer_every_rule_as_it_was_asked_is_broken(
    answers: list[SimpleNamespace],
) -> None:
    asked = suite(NOT_NULL, BETWEEN)

    with pytest.raises(GateBlocked, match="did not evaluate its whole suite"):
        validation._in_order(asked, asked.rules, answers)


def test_answers_are_put_into_the_order_of_the_rules() -> None:
    asked, answers = suite(NOT_NULL, BETWEEN), [answer(1, BETWEEN), answer(0, NOT_NULL)]

    assert validation._in_order(asked, asked.rules, answers) == answers[::-1]
