from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from sentinel_lib.errors import ConfigError
from sentinel_lib.rules.kinds import (
    AnyRule,
    Between,
    NotNull,
    PairGreater,
    RowCount,
    RowRule,
    TableRule,
    UniqueTogether,
)
from sentinel_lib.rules.suites import load_suite

Write = Callable[[str, str], Path]

NOT_NULL = "expect: expect_column_values_to_not_be_null"
BETWEEN = "expect: expect_column_values_to_be_between"
IN_SET = "expect: expect_column_values_to_be_in_set"


def suite_of(rule: str, more: str = "") -> str:
    return f"table: silver.bars\nrules:\n  - {{{rule}}}\n{more}"


def test_suite_reads_its_rules_and_limits(config_with: Write) -> None:
    text = suite_of(
        f"{BETWEEN}, column: close, min_value: 0, strict_min: true, on_fail: quarantine",
        "limits: {min_rows: 3, max_quarantined_fraction: 0.1}\n",
    )

    suite = load_suite(config_with("expectations/silver.yaml", text), "silver")

    assert suite.table == "silver.bars"
    assert suite.rules == [
        Between(
            expect="expect_column_values_to_be_between",
            column="close",
            min_value=0,
            strict_min=True,
            on_fail="quarantine",
        )
    ]
    assert suite.limits.model_dump() == {
        "min_rows": 3,
        "max_quarantined_fraction": 0.1,
        "max_missing_fraction": None,
        "min_session_coverage": 0.5,
        "thin_sessions": "warn",
    }


def test_suite_separates_rules_about_rows_from_rules_about_the_table() -> None:
    row = NotNull(expect="expect_column_values_to_not_be_null", column="close", on_fail="block")
    table = RowCount(expect="expect_table_row_count_to_be_between", on_fail="block")

    assert isinstance(row, RowRule)
    assert not isinstance(table, RowRule)


def test_rule_names_its_expectation_and_columns() -> None:
    rule = PairGreater(
        expect="expect_column_pair_values_a_to_be_greater_than_b",
        column_A="high",
        column_B="low",
        or_equal=True,
        on_fail="quarantine",
    )

    assert rule.name == "expect_column_pair_values_a_to_be_greater_than_b(high, low)"
    assert rule.columns == ("high", "low")
    assert rule.arguments == {"column_A": "high", "column_B": "low", "or_equal": True}


def test_rule_arguments_leave_out_what_was_not_given() -> None:
    rule = Between(
        expect="expect_column_values_to_be_between", column="x", max_value=0, on_fail="block"
    )

    assert rule.arguments == {"column": "x", "max_value": 0.0}


def test_every_rule_about_a_table_refuses_to_quarantine(config_with: Write) -> None:
    arguments = {
        "expect_column_to_exist": "column: close",
        "expect_compound_columns_to_be_unique": "column_list: [symbol, timestamp]",
        "expect_table_row_count_to_be_between": "min_value: 1",
    }
    kinds = [kind for kind in get_args(get_args(AnyRule)[0]) if issubclass(kind, TableRule)]
    names = {get_args(kind.model_fields["expect"].annotation)[0] for kind in kinds}

    for name, argument in arguments.items():
        text = suite_of(f"expect: {name}, {argument}, on_fail: quarantine")
        with pytest.raises(ConfigError, match=r"yaml:3: .*write warn or block"):
            load_suite(config_with("expectations/silver.yaml", text), "silver")

    assert names == set(arguments)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "rules.0.expect: this key is required and missing"),
        ("column: close, on_fail: warn", "rules.0.expect: this key is required and missing"),
        (
            "expect: expect_column_values_to_not_be_nul, column: close, on_fail: warn",
            "did you mean 'expect_column_values_to_not_be_null'?",
        ),
        (
            "expect: expect_column_mean_to_be_between, column: close, on_fail: warn",
            "expected: one of expect_column_values_to_not_be_null, expect_column_values_to_be_",
        ),
        (f"{NOT_NULL}, colum: close, on_fail: warn", "unknown key 'colum'; did you mean 'column'?"),
        (f"{NOT_NULL}, on_fail: warn", "rules.0.column: this key is required and missing"),
        (f"{NOT_NULL}, column: close", "rules.0.on_fail: this key is required and missing"),
        (f"{NOT_NULL}, column: close, on_fail: quarantin", "did you mean 'quarantine'?"),
        (f"{NOT_NULL}, column: 5, on_fail: warn", "rules.0.column: must be text"),
        (
            f"{NOT_NULL}, column: clsoe, on_fail: warn",
            "unknown column 'clsoe'; did you mean 'close'",
        ),
        (f"{BETWEEN}, column: close, on_fail: warn", "needs min_value, max_value or both"),
        (f"{BETWEEN}, column: close, min_value: a, on_fail: warn", "min_value: must be a number"),
        (f"{BETWEEN}, column: close, min_value: .nan, on_fail: warn", "must be a finite number"),
        (f"{BETWEEN}, column: close, mn_value: 1, on_fail: warn", "did you mean 'min_value'?"),
        (
            f"{BETWEEN}, column: close, min_value: 5, max_value: 1, on_fail: warn",
            "min_value 5.0 is above max_value 1.0",
        ),
        (f"{BETWEEN}, column: close, min_value: 1, strict_min: 1, on_fail: warn", "true or false"),
        (f"{NOT_NULL}, column: close, fro: {{}}, on_fail: warn", "did you mean 'for'?"),
        (
            f"{NOT_NULL}, column: close, for: {{}}, on_fail: warn",
            "for.prices: this key is required",
        ),
        (
            f"{NOT_NULL}, column: close, for: {{price: any}}, on_fail: warn",
            "unknown key 'price'; did you mean 'prices'?",
        ),
        (
            f"{NOT_NULL}, column: close, for: {{prices: positiv}}, on_fail: warn",
            "did you mean 'positive'?",
        ),
        (
            "expect: expect_column_to_exist, column: close, for: {prices: any}, on_fail: warn",
            "unknown key 'for'",
        ),
        (f"{IN_SET}, column: symbol, value_set: [], on_fail: warn", "must have 1 or more items"),
        (f"{IN_SET}, column: symbol, value_set: [A, NO], on_fail: warn", "put quotes around it"),
    ],
)
def test_rule_that_is_wrong_is_an_error_at_its_line(
    config_with: Write, rule: str, said: str
) -> None:
    config = config_with("expectations/silver.yaml", suite_of(rule))

    with pytest.raises(ConfigError) as caught:
        load_suite(config, "silver")

    assert str(caught.value).startswith(f"{config / 'expectations' / 'silver.yaml'}:3: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("limit: {}\n", "unknown key 'limit'; did you mean 'limits'?"),
        ("limits: {min_row: 1}\n", "unknown key 'min_row'; did you mean 'min_rows'?"),
        ("limits: {min_rows: 0}\n", "limits.min_rows: must be 1 or more"),
        ("limits: {max_quarantined_fraction: 5}\n", "must be 1.0 or less"),
    ],
)
def test_limit_that_is_wrong_is_an_error_at_its_line(
    config_with: Write, more: str, said: str
) -> None:
    text = suite_of(f"{NOT_NULL}, column: close, on_fail: warn", more)

    with pytest.raises(ConfigError, match=r"silver\.yaml:4: ") as caught:
        load_suite(config_with("expectations/silver.yaml", text), "silver")

    assert said in str(caught.value)


def test_drift_of_what_is_not_said_has_the_default(config_with: Write) -> None:
    text = suite_of(f"{NOT_NULL}, column: close, on_fail: warn", "schema_drift: {new: block}\n")

    suite = load_suite(config_with("expectations/bronze.yaml", text), "bronze")

    assert suite.schema_drift.model_dump() == {
        "new": "block",
        "missing": "block",
        "retyped": "block",
    }


@pytest.mark.parametrize(
    ("layer", "more", "said"),
    [
        ("bronze", "schema_drift: {news: warn}\n", "unknown key 'news'; did you mean 'new'?"),
        ("bronze", "schema_drift: {missing: blok}\n", "did you mean 'block'?"),
        ("bronze", "schema_drift: {missing: quarantine}\n", "one of allow, warn, block"),
        ("silver", "schema_drift: {new: warn}\n", "has no effect in silver.yaml"),
    ],
)
def test_drift_that_is_wrong_is_an_error_at_its_line(
    config_with: Write, layer: str, more: str, said: str
) -> None:
    text = suite_of(f"{NOT_NULL}, column: close, on_fail: warn", more)

    with pytest.raises(ConfigError, match=rf"{layer}\.yaml:4: ") as caught:
        load_suite(config_with(f"expectations/{layer}.yaml", text), layer)

    assert said in str(caught.value)


def test_error_in_a_rule_of_several_lines_is_at_the_line_of_its_key(config_with: Write) -> None:
    text = (
        "table: gold.aggregates\nrules:\n  - expect: expect_column_values_to_be_between\n"
        "    column: sessions\n    min_value: many\n    on_fail: block\n"
    )

    with pytest.raises(ConfigError, match=r"gold\.yaml:5: rules\.0\.min_value: must be a number"):
        load_suite(config_with("expectations/gold.yaml", text), "gold")


def test_two_rules_that_quarantine_do_not_share_a_name(config_with: Write) -> None:
    rule = f"{BETWEEN}, column: close, on_fail: quarantine, min_value: 0"
    text = suite_of(rule, "  - {" + rule.replace("min_value: 0", "max_value: 9") + "}\n")

    with pytest.raises(
        ConfigError, match=r"silver\.yaml:4: rules.1: another rule named .*\(close\)"
    ):
        load_suite(config_with("expectations/silver.yaml", text), "silver")

    allowed = text.replace("on_fail: quarantine", "on_fail: warn", 1)
    assert len(load_suite(config_with("expectations/silver.yaml", allowed), "silver").rules) == 2


def test_rule_for_some_assets_keeps_its_name_and_arguments(config_with: Write) -> None:
    text = suite_of(f"{BETWEEN}, column: close, min_value: 0, for: {{prices: any}}, on_fail: warn")

    [rule] = load_suite(config_with("expectations/silver.yaml", text), "silver").row_rules

    assert rule.name == "expect_column_values_to_be_between(close)"
    assert rule.arguments == {"column": "close", "min_value": 0.0}
    assert (rule.is_about("any"), rule.is_about("positive")) == (True, False)


@pytest.mark.parametrize("layer", ["bronze", "gold"])
def test_rule_for_some_assets_is_refused_where_rows_have_no_terms(
    config_with: Write, layer: str
) -> None:
    text = suite_of(f"{NOT_NULL}, column: close, for: {{prices: any}}, on_fail: warn")

    with pytest.raises(ConfigError, match=rf"{layer}\.yaml:3: .*for has no effect in {layer}.yaml"):
        load_suite(config_with(f"expectations/{layer}.yaml", text), layer)


def test_suite_without_rules_is_an_error(config_with: Write) -> None:
    config = config_with("expectations/gold.yaml", "table: gold.aggregates\nrules: []\n")

    with pytest.raises(ConfigError, match=r"gold\.yaml:2: rules: must have 1 or more items"):
        load_suite(config, "gold")


def test_unique_columns_are_at_least_two(config_with: Write) -> None:
    rule = "expect: expect_compound_columns_to_be_unique, column_list: [symbol], on_fail: block"

    with pytest.raises(ConfigError, match=r"column_list: must have 2 or more items"):
        load_suite(config_with("expectations/silver.yaml", suite_of(rule)), "silver")


def test_rule_without_a_column_applies_to_every_asset() -> None:
    count = RowCount(expect="expect_table_row_count_to_be_between", on_fail="block")
    unique = UniqueTogether(
        expect="expect_compound_columns_to_be_unique", column_list=["a", "b"], on_fail="block"
    )

    assert count.columns == ()
    assert unique.columns == ("a", "b")
