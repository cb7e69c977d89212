"""The Great Expectations gate: a suite compiled strictly from its YAML, and run once.

It is the only module that imports Great Expectations, and only when a gate runs: the import
takes seconds.
"""

import logging
from collections.abc import Sequence
from typing import Any

import pandas as pd

from sentinel_lib.errors import GateBlocked, listed
from sentinel_lib.records.stage import Check
from sentinel_lib.rules.kinds import RowCount, RowRule, Rule
from sentinel_lib.rules.suites import Suite

_RULE = "rule"
"""Under this key an expectation carries the place of its rule, and its result brings it back."""


def audit(
    suite: Suite,
    rows: pd.DataFrame,
    rules: Sequence[Rule] | None = None,
    *,
    total: int | None = None,
) -> list[Check]:
    """Run the suite (or only ``rules`` of it) over ``rows``: one check per expectation.

    ``rows`` are those that decide about ``total`` of them (``cleaning.decisive_rows``), or all.

    Nothing passes by not being evaluated: no rows, no rules, a rule about values that finds none,
    an expectation that raised are failures. Infinite values always fail ``between``. Raises
    ``GateBlocked`` if a result is missing or answers another question: then the gate is broken.
    """
    chosen = list(suite.rules if rules is None else rules)
    if not chosen or rows.empty:
        return [
            Check(
                name="evaluated",
                passed=False,
                table=suite.table,
                observed=f"{len(chosen)} rules over {len(rows)} rows",
                expected="at least one rule and one row",
            )
        ]
    results = zip(chosen, _results(suite, rows, chosen), strict=True)
    count = len(rows) if total is None else total
    return [_check(rule, result, suite.table, rows, count) for rule, result in results]


def _results(suite: Suite, rows: pd.DataFrame, rules: Sequence[Rule]) -> list[Any]:
    import great_expectations as gx
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("gate").add_dataframe_asset(suite.table)
    batch = asset.add_batch_definition_whole_dataframe("batch").get_batch({"dataframe": rows})
    compiled = [_expectation(rule, place) for place, rule in enumerate(rules)]
    validated = batch.validate(
        ExpectationSuite(name=suite.table, expectations=compiled), result_format="SUMMARY"
    )
    return _in_order(suite, rules, validated.results)


def _in_order(suite: Suite, rules: Sequence[Rule], results: Sequence[Any]) -> list[Any]:
    """Great Expectations answers in its own order, and drops what it does not understand."""
    by_place = {result.expectation_config.meta[_RULE]: result for result in results}
    answered = {place: result.expectation_config.type for place, result in by_place.items()}
    unlike = [rule.name for place, rule in enumerate(rules) if answered.get(place) != rule.expect]
    if unlike or len(results) != len(rules):
        raise GateBlocked(
            f"the gate of {suite.table} did not evaluate its whole suite",
            observed=f"{len(results)} results; none for {listed(unlike) or 'another rule'}",
            expected=f"{len(rules)}, one per rule",
            next_step="check that the installed great-expectations is the locked one: make setup, "
            "or pull the image again",
        )
    return [by_place[place] for place in range(len(rules))]


def _expectation(rule: Rule, place: int) -> Any:
    import great_expectations.expectations as expectations

    expectation = getattr(expectations, rule.expect.title().replace("_", ""))
    return expectation(**{**rule.expectation_defaults, **rule.arguments}, meta={_RULE: place})


def _has_values(rule: Rule, rows: pd.DataFrame) -> bool:
    """Whether there is any row that ``rule`` says something about."""
    if not isinstance(rule, RowRule) or rule.judges_missing:
        return True
    present = [column for column in rule.columns if column in rows]
    return bool(rows[present].notna().all(axis="columns").any())


def _check(rule: Rule, result: Any, table: str, rows: pd.DataFrame, total: int) -> Check:
    raised = _raised(result.exception_info)
    nothing = "" if _has_values(rule, rows) else "no value to judge"
    arguments = ", ".join(f"{key}={value}" for key, value in rule.arguments.items())
    return Check(
        name=rule.name,
        passed=bool(result.success) and not raised and not nothing,
        table=table,
        blocks=rule.on_fail != "warn" or bool(raised),
        observed=raised or nothing or _observed(rule, result.result, total),
        expected=arguments or rule.expect,
    )


def _raised(exception_info: Any) -> str:
    """The message of an exception in an expectation: there is one, or one per metric."""
    for info in (exception_info, *(exception_info or {}).values()):
        if isinstance(info, dict) and info.get("raised_exception"):
            return f"could not be evaluated: {info.get('exception_message')}"
    return ""


def _observed(rule: Rule, result: Any, total: int) -> str:
    if isinstance(rule, RowCount):
        return str(total)
    if "unexpected_count" in result:
        broken = result["unexpected_count"]
        at_least = "at least " if broken and result["element_count"] < total else ""
        return f"{at_least}{broken} of {total} rows break it"
    return f"{result['observed_value']}" if "observed_value" in result else ""
