"""What a gate says of an asset, by the counts of its rows and the checks of its series."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel_lib.cleaning.asset_counts import AssetCounts
from sentinel_lib.records.stage import Check
from sentinel_lib.rules.suites import Suite
from sentinel_lib.stages.validate.verdicts import LIMITS, OF_QUARANTINED_ROWS, Verdict, verdict

RULE = {"expect": "expect_column_values_to_not_be_null", "column": "close", "on_fail": "block"}
LIMITED = {"min_rows": 2, "max_quarantined_fraction": 0.1, "max_missing_fraction": 0.1}
SUITE = Suite.model_validate({"table": "silver.bars", "rules": [RULE], "limits": LIMITED})


def judged(due: int = 0, *, gaps_block: bool = True, series: Any = (), **counts: Any) -> Verdict:
    given = AssetCounts(**counts)
    return verdict("AAPL", given, SUITE, due_sessions=due, gaps_block=gaps_block, series=series)


def test_an_asset_without_a_fault_passes() -> None:
    good = judged(rows_in=40, promoted=30, deduplicated=10, sessions_seen=40, sessions_spanned=40)

    assert (good.status, good.reason) == ("passed", "")
    assert [check.name for check in good.checks] == [*LIMITS][:3]


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (
            {"rows_in": 3, "promoted": 1, "quarantined": 2},
            "min_rows: observed 1 good row of 3, expected at least 2",
        ),
        (
            {"rows_in": 2_000, "promoted": 1_700, "quarantined": 300},
            "max_quarantined_fraction: observed 15.00% quarantined (300 of 2,000 rows), "
            "expected at most 10.00%",
        ),
        (
            {"rows_in": 30, "promoted": 30, "sessions_seen": 30, "sessions_spanned": 40},
            "max_missing_fraction: observed 25.00% missing (10 of 40 sessions), "
            "expected at most 10.00%",
        ),
    ],
)
def test_a_limit_that_is_not_kept_holds_the_asset_back(counts: Any, reason: str) -> None:
    held = judged(**counts)

    assert (held.status, held.reason) == ("blocked", reason)
    assert held.held_by == reason.partition(":")[0]


def test_fractions_do_not_apply_below_twenty_rows_or_sessions() -> None:
    few = judged(rows_in=19, promoted=9, quarantined=10, sessions_seen=9, sessions_spanned=19)

    assert few.status == "passed"


def test_missing_sessions_only_warn_where_gaps_do() -> None:
    thin = {"rows_in": 30, "promoted": 30, "sessions_seen": 30, "sessions_spanned": 40}

    warned = judged(gaps_block=False, **thin)

    assert warned.status == "passed"
    assert [(check.name, check.blocks) for check in warned.checks if not check.passed] == [
        ("max_missing_fraction", False)
    ]


def test_rows_that_say_nothing_against_the_data_count_for_neither_side() -> None:
    waiting = judged(rows_in=40, promoted=20, quarantined=20, outside_the_limit=20)

    assert waiting.status == "passed"


def test_rounded_values_warn() -> None:
    rounded = judged(rows_in=2, promoted=2, rounded="1 row, in close; one of them: close=0.1")

    assert rounded.status == "passed"
    assert rounded.checks[-1].observed == "rounded 1 row, in close; one of them: close=0.1"


@pytest.mark.parametrize(("due", "status"), [(0, "not_due"), (1, "not_evaluated")])
def test_an_asset_without_rows_is_judged_by_what_was_due(due: int, status: str) -> None:
    assert judged(due).status == status


def test_what_was_due_and_did_not_come_is_said_in_the_singular_too() -> None:
    assert judged(1).reason == "1 session due, no final bar delivered: not evaluated"


def test_a_check_of_the_series_comes_before_the_limits() -> None:
    weekly = Check(name="spacing", passed=False, table="silver.bars", observed="weekly bars")

    held = judged(rows_in=3, promoted=3, series=[weekly])

    assert held.held_by == "spacing"
    assert held.held_by not in OF_QUARANTINED_ROWS
