from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sentinel_lib.errors import ExitCode, most_severe
from sentinel_lib.pipeline import verdict
from sentinel_lib.records.request import FailOn
from sentinel_lib.records.stage import AssetOutcome, StageOutcome, StageRecord
from tests import handed_on

AS_OF = datetime(2024, 1, 3, tzinfo=UTC)
SYMBOLS = ("AAPL", "MSFT")


def stage(name: str, status: Any = "ok", *, error_name: str = "", **said: Any) -> StageOutcome:
    """A stage whose record says ``said``; one that failed by an error leaves no record."""
    record = None
    if not error_name:
        content = {"run_id": "r", "stage": name, "as_of": AS_OF, "status": status, **said}
        record = StageRecord.model_validate(content)
    return StageOutcome(name=name, status=status, error_name=error_name, record=record)


def ledgers(**statuses: str) -> dict[str, Any]:
    return {symbol: {"status": status} for symbol, status in statuses.items()}


def exit_code(*outcomes: StageOutcome, fail_on: FailOn = "error") -> ExitCode:
    lines = verdict.asset_outcomes(outcomes, SYMBOLS)
    return most_severe(verdict.conditions(outcomes, lines, fail_on))


def failure_of_freshness(*outcomes: StageOutcome) -> str:
    """What the monitor is said to have failed by; nothing if it answered."""
    [monitor] = [
        one for one in verdict.held_to_freshness(outcomes, SYMBOLS) if one.name == "monitor"
    ]
    return monitor.error


def judged(aapl: str, msft: str, **ages: str) -> tuple[StageOutcome, ...]:
    """A run in which every stage ended, with these verdicts and ages."""
    return (
        stage("validate", assets=ledgers(AAPL=aapl, MSFT=msft)),
        stage("monitor", details=handed_on.monitored(**ages)),
    )


def test_line_of_an_asset_has_validations_ledger_and_what_was_really_promoted() -> None:
    outcomes = [
        stage("ingest", assets={"AAPL": {"rows_in": 9, "promoted": 9}}),
        stage(
            "validate",
            assets={"AAPL": {"rows_in": 9, "promoted": 6, "quarantined": 2, "deduplicated": 1}},
        ),
        stage("promote_silver", assets={"AAPL": {"rows_in": 6, "promoted": 6}}),
        stage("monitor", details=handed_on.monitored(AAPL="late")),
    ]

    lines = verdict.asset_outcomes(outcomes, [])

    assert lines == {
        "AAPL": AssetOutcome(
            status="passed",
            rows_in=9,
            promoted=6,
            quarantined=2,
            deduplicated=1,
            freshness="late",
        )
    }


def test_nothing_counts_as_promoted_when_promotion_did_not_run() -> None:
    outcomes = [
        stage("ingest", assets={"AAPL": {"rows_in": 9, "promoted": 9}}),
        stage("validate", assets={"AAPL": {"rows_in": 9, "promoted": 9}}),
        stage("promote_silver", "failed", error_name="StorageError"),
    ]

    lines = verdict.asset_outcomes(outcomes, [])

    assert (lines["AAPL"].status, lines["AAPL"].promoted) == ("passed", 0)


def test_asset_that_was_only_fetched_was_not_evaluated() -> None:
    outcomes = [
        stage("ingest", assets=ledgers(AAPL="passed", MSFT="not_due")),
        stage("validate", assets={}),
    ]

    lines = verdict.asset_outcomes(outcomes, [])

    assert {symbol: line.status for symbol, line in lines.items()} == {
        "AAPL": "not_evaluated",
        "MSFT": "not_due",
    }


def test_asset_held_back_twice_shows_the_first_reason() -> None:
    outcomes = [
        stage("ingest", assets=ledgers(AAPL="unreachable")),
        stage("validate", assets=ledgers(AAPL="not_evaluated")),
    ]

    assert verdict.asset_outcomes(outcomes, [])["AAPL"].status == "unreachable"


@pytest.mark.parametrize(
    "details",
    [
        {},
        handed_on.details("monitor", freshness=[]),
        handed_on.details("monitor", freshness={"AAPL": "fresh"}),
    ],
)
def test_freshness_not_written_as_agreed_is_none(details: dict[str, Any]) -> None:
    outcomes = [stage("monitor", details=details)]

    assert verdict.asset_outcomes(outcomes, ["AAPL"])["AAPL"].freshness == ""


@pytest.mark.parametrize(
    "details",
    [
        {},
        handed_on.details("monitor", freshness=[]),
        handed_on.monitored(),
        handed_on.monitored(AAPL="fresh"),
        handed_on.details("monitor", freshness={"AAPL": handed_on.freshness(), "MSFT": {}}),
        handed_on.monitored(AAPL="fresh", MSFT="Stale"),
        handed_on.details("monitor", freshness={"AAPL": handed_on.freshness(), "MSFT": "fresh"}),
    ],
)
def test_run_whose_monitor_leaves_an_asset_without_freshness_has_failed(
    details: dict[str, Any],
) -> None:
    judged_well = stage("validate", assets=ledgers(AAPL="passed", MSFT="passed"))

    outcomes = verdict.held_to_freshness([judged_well, stage("monitor", details=details)], SYMBOLS)

    assert [one.status for one in outcomes] == ["ok", "failed"]
    assert exit_code(*outcomes, fail_on="never") == ExitCode.UNEXPECTED
    assert outcomes[1].error.startswith("stage 'monitor' recorded no freshness of ")
    assert "MSFT" in outcomes[1].error.splitlines()[0]
    assert "next: restore the last cell of 50_monitor.ipynb" in outcomes[1].error


def test_run_without_a_monitor_has_failed() -> None:
    judged_well = stage("validate", assets=ledgers(AAPL="passed", MSFT="passed"))

    assert "no record of that stage" in failure_of_freshness(judged_well)


def test_record_of_an_earlier_monitor_that_lacks_freshness_counts_no_more() -> None:
    judged_well = stage("validate", assets=ledgers(AAPL="passed", MSFT="passed"))
    carried = stage("monitor").model_copy(update={"status": "skipped", "produced_by": "r"})

    outcomes = verdict.held_to_freshness([judged_well, carried], SYMBOLS)

    assert (outcomes[1].status, outcomes[1].produced_by) == ("failed", "")


@pytest.mark.parametrize(
    ("verdict_on_msft", "is_failure"),
    [("passed", True), ("not_due", False), ("blocked", False), ("unreachable", False)],
)
def test_no_good_bar_yet_is_no_answer_about_an_asset_that_passed(
    verdict_on_msft: str, is_failure: bool
) -> None:
    outcomes = judged("passed", verdict_on_msft, AAPL="fresh", MSFT="unknown")

    assert bool(failure_of_freshness(*outcomes)) == is_failure


def test_after_a_failure_missing_freshness_is_no_condition_of_its_own() -> None:
    failed = stage("validate", "failed", error_name="ValueError")

    assert failure_of_freshness(failed, stage("monitor")) == ""


@pytest.mark.parametrize(
    ("aapl", "msft", "expected"),
    [
        ("passed", "passed", ExitCode.OK),
        ("passed", "paused", ExitCode.OK),
        ("not_due", "not_due", ExitCode.OK),
        ("passed", "blocked", ExitCode.DEGRADED),
        ("not_due", "unreachable", ExitCode.DEGRADED),
        ("blocked", "paused", ExitCode.GATE_BLOCKED),
        ("not_evaluated", "not_evaluated", ExitCode.GATE_BLOCKED),
        ("unreachable", "blocked", ExitCode.GATE_BLOCKED),
        ("unreachable", "unreachable", ExitCode.SOURCE_UNAVAILABLE),
        ("unreachable", "paused", ExitCode.SOURCE_UNAVAILABLE),
    ],
)
def test_exit_code_follows_from_which_assets_were_held_back(
    aapl: str, msft: str, expected: ExitCode
) -> None:
    assert exit_code(*judged(aapl, msft)) == expected


def test_asset_of_which_no_stage_speaks_makes_the_run_degraded() -> None:
    outcomes = stage("validate", assets=ledgers(AAPL="passed"))

    assert exit_code(outcomes) == ExitCode.DEGRADED


@pytest.mark.parametrize(
    ("age", "fail_on", "expected"),
    [
        ("fresh", "warn", ExitCode.OK),
        ("late", "error", ExitCode.OK),
        ("late", "warn", ExitCode.FRESHNESS),
        ("stale", "error", ExitCode.FRESHNESS),
        ("stale", "warn", ExitCode.FRESHNESS),
        ("stale", "never", ExitCode.OK),
    ],
)
def test_freshness_fails_a_run_from_the_level_asked_for(
    age: str, fail_on: FailOn, expected: ExitCode
) -> None:
    assert exit_code(*judged("passed", "passed", AAPL=age), fail_on=fail_on) == expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([stage("a", "failed", error_name="ValueError"), *judged("blocked", "blocked")], 1),
        ([stage("a", "blocked", error_name="GateBlocked"), *judged("unreachable", "passed")], 4),
        ([stage("a", "failed", error_name="SourceError"), *judged("passed", "blocked")], 6),
        ([stage("a", "failed", error_name="ConfigError"), *judged("blocked", "blocked")], 3),
        ([stage("a", "degraded"), *judged("passed", "passed", AAPL="stale")], 8),
    ],
)
def test_the_most_severe_condition_is_the_exit_code(
    outcomes: list[StageOutcome], expected: int
) -> None:
    assert exit_code(*outcomes) == expected


def test_after_a_failure_silence_about_an_asset_is_no_condition_of_its_own() -> None:
    outcomes = [
        stage("ingest", assets=ledgers(AAPL="passed")),
        stage("validate", "failed", error_name="ValueError"),
    ]

    found = verdict.conditions(outcomes, verdict.asset_outcomes(outcomes, SYMBOLS), "error")

    assert found == [ExitCode.UNEXPECTED]


def test_conditions_are_listed_with_the_most_severe_first() -> None:
    outcomes = judged("passed", "blocked", AAPL="stale")

    found = verdict.conditions(outcomes, verdict.asset_outcomes(outcomes, SYMBOLS), "error")

    assert found == [ExitCode.DEGRADED, ExitCode.FRESHNESS]


@pytest.mark.parametrize(
    ("code", "status"), [(0, "ok"), (8, "degraded"), (5, "degraded"), (4, "failed"), (1, "failed")]
)
def test_run_status_is_the_exit_code_in_one_word(code: int, status: str) -> None:
    assert verdict.run_status(ExitCode(code)) == status


def test_rows_of_no_asset_fail_nothing_and_owe_no_freshness() -> None:
    unlisted = {"(unlisted)": {"status": "unlisted", "rows_in": 3, "quarantined": 3}}
    passed = {"AAPL": {"status": "passed"}}
    outcomes = [
        stage("ingest", assets=passed | unlisted),
        stage("validate", assets=passed | unlisted),
        stage("monitor", details=handed_on.monitored(AAPL="fresh")),
    ]

    lines = verdict.asset_outcomes(outcomes, ["AAPL"])

    assert lines["(unlisted)"].freshness == ""
    assert verdict.conditions(outcomes, lines, "warn") == []
    assert verdict.held_to_freshness(outcomes, ["AAPL"]) == outcomes
