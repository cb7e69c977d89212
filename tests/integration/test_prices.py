"""Prices of zero and below: refused, unless the asset says that its prices may be any."""

import csv

import pytest
import yaml

from sentinel_lib.storage.tables import Lake

AS_OF = "2020-04-23T12:00:00Z"
HEADER = "Date,Open,High,Low,Close,Volume"
WTI = [
    "2020-04-17,19.87,20.02,17.33,18.27,165000",
    "2020-04-20,17.73,17.85,-40.32,-37.63,247000",
    "2020-04-21,-14.00,13.86,-16.74,10.01,2288230",
    "2020-04-22,11.33,16.18,10.26,13.78,1200000",
]
CURE = "set prices: any if its prices can really be zero or negative"
DRAWDOWN = "expect_column_values_to_be_between(max_drawdown_pct)"
LOW = "expect_column_values_to_be_between(low)"
NEEDS_POSITIVE_PRICES = ("change_1d_pct", "volatility_20d_pct", "max_drawdown_pct")


@pytest.fixture
def deliver(project):
    """Put the same file of bars into the inbox for each symbol; its terms are configured."""

    def write(**assets):
        for symbol in assets:
            (project.inbox / f"{symbol}.csv").write_text("\n".join([HEADER, *WTI, ""]))
        inbox = {"source": "files", "path": str(project.inbox), "calendar": "weekdays"}
        project.assets(assets, **{"source": "files", "calendar": inbox["calendar"]})
        return {"input_path": inbox["path"]}

    return write


def metrics(project):
    text = (project.data / "gold" / "aggregates.csv").read_text()
    return {row["symbol"]: row for row in csv.DictReader(text.splitlines())}


def with_rule(project, **rule):
    """Add a rule that warns to the suite of Silver."""
    path = project.config / "expectations" / "silver.yaml"
    rules = yaml.safe_load(path.read_text())["rules"]
    project.rules("silver", rules=[*rules, {**rule, "on_fail": "warn"}])


def test_negative_prices_are_quarantined_and_the_reason_names_the_key(project, deliver):
    outcome = project.run(AS_OF, **deliver(WTI={}))

    ledger = outcome.ledger("WTI")
    assert (outcome.errors, ledger.promoted, ledger.quarantined) == ({}, 2, 2)
    reasons = Lake(project.data).read("quarantine.bars").sort_by("line")["reason"].to_pylist()
    assert [f"low -40.32 should be above 0; {CURE} [{LOW}]" in reasons[0], CURE in reasons[1]] == [
        True,
        True,
    ]


def test_an_asset_that_is_held_for_them_is_told_the_key_once(project, deliver):
    given = deliver(WTI={})
    (project.inbox / "WTI.csv").write_text("\n".join([HEADER, WTI[1], ""]))

    outcome = project.run("2020-04-21T12:00:00Z", **given)

    assert outcome.ledger("WTI").status == "blocked"
    assert outcome.ledger("WTI").reason.count(CURE) == 1


def test_prices_that_may_be_any_are_promoted_and_have_no_metric_that_divides_by_one(
    project, deliver
):
    outcome = project.run(AS_OF, **deliver(WTI={"prices": "any"}))

    assert (outcome.errors, outcome.ledger("WTI").promoted) == ({}, 4)
    figures = metrics(project)["WTI"]
    assert [figures[name] for name in NEEDS_POSITIVE_PRICES] == ["", "", ""]
    assert (figures["latest_close"], figures["latest_volume"]) == ("13.780000", "1200000")
    audited = {check.name for check in outcome.records["validate"].checks}
    assert LOW not in audited
    assert DRAWDOWN not in {check.name for check in outcome.records["build_gold"].checks}


def test_beside_positive_prices_each_asset_is_judged_by_the_rules_that_are_for_it(project, deliver):
    given = deliver(WTI={"prices": "any"}, OIL={})
    positive = {"prices": "positive"}
    between = "expect_column_values_to_be_between"
    with_rule(project, expect=between, column="close", min_value=15, **{"for": positive})

    outcome = project.run(AS_OF, **given)

    assert outcome.errors == {}
    assert [outcome.ledger(symbol).promoted for symbol in ("WTI", "OIL")] == [4, 2]
    warned = [
        (check.symbol, check.observed)
        for check in outcome.records["validate"].checks
        if check.name == f"{between}(close)" and not check.passed
    ]
    assert warned == [("OIL", "broken by 1 row"), ("", "1 of 2 rows break it")]
    named = {check.symbol for check in outcome.records["validate"].checks if "close)" in check.name}
    assert "WTI" not in named
    assert DRAWDOWN in {check.name for check in outcome.records["build_gold"].checks}
    assert metrics(project)["OIL"]["max_drawdown_pct"] == "-24.575807"


def test_the_suite_finds_a_negative_price_that_the_row_rules_let_by(project, deliver):
    given = deliver(WTI={"prices": "any"}, OIL={})
    choose = 'rule for rule in stage.suite.row_rules if rule.on_fail == "quarantine"'

    outcome = project.run(AS_OF, edits=[(choose, f"{choose} and not rule.for_")], **given)

    found = {check.name: check for check in outcome.records["validate"].checks if not check.passed}
    assert found[LOW].observed == "2 of 4 rows break it"
    assert "validate" in outcome.errors
