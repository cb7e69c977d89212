from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sentinel_lib.command_line import results
from sentinel_lib.messages import summary
from sentinel_lib.records.stage import AssetLedger, Check, RunRecord, StageOutcome, StageRecord
from sentinel_lib.skipping.selection import Outlook

AS_OF = datetime(2024, 1, 3, tzinfo=UTC)
LINE = {
    "status": "passed",
    "rows_in": 1_250,
    "promoted": 1_248,
    "quarantined": 2,
    "deduplicated": 0,
    "freshness": "fresh",
}

ROLLED_BACK = {
    "kind": "rollback",
    "restored": "20240102T120000Z-00aa",
    "stages": [],
    "assets": {"AAPL": {"status": "restored", "freshness": "late"}},
    "report": "",
}


def a_run(**changes: Any) -> RunRecord:
    content: dict[str, Any] = {
        "run_id": "20240103T120000Z-00ff",
        "as_of": AS_OF,
        "started_at_utc": AS_OF,
        "finished_at_utc": AS_OF + timedelta(seconds=12),
        "status": "ok",
        "exit_code": 0,
        "command": "python run_pipeline.py run",
        "stages": [StageOutcome(name="ingest", status="ok", seconds=1.5)],
        "assets": {"AAPL": LINE},
        "report": "reports/r/index.html",
    }
    return RunRecord.model_validate({**content, **changes})


def test_run_object_has_exactly_the_agreed_shape() -> None:
    shown = summary.run_object(a_run())

    assert json.loads(json.dumps(shown)) == {
        "run_id": "20240103T120000Z-00ff",
        "kind": "run",
        "as_of": "2024-01-03T00:00:00Z",
        "status": "ok",
        "exit_code": 0,
        "conditions": [],
        "stages": [{"name": "ingest", "status": "ok", "seconds": 1.5}],
        "assets": {"AAPL": LINE},
        "report": "reports/r/index.html",
    }


def test_run_text_gives_verdict_assets_and_report() -> None:
    lines = summary.run_text(a_run()).splitlines()

    assert lines == [
        "ok, exit code 0: everything that was due was promoted",
        "run 20240103T120000Z-00ff, as of 2024-01-03T00:00:00Z, 12 s",
        "",
        "asset  status  rows in  promoted  quarantined  deduplicated  freshness",
        "AAPL   passed    1,250     1,248            2             0  fresh",
        "",
        "report: reports/r/index.html",
    ]


def test_text_of_a_failed_run_has_the_error_in_full_and_the_next_command() -> None:
    failed = StageOutcome(
        name="validate",
        status="blocked",
        cell='In [4] under "Check"',
        error_name="GateBlocked",
        error="AAPL: no row survived\n  observed: 0 rows",
    )

    text = summary.run_text(a_run(status="failed", exit_code=4, stages=[failed]))

    assert "stage 'validate' blocked at In [4] under \"Check\"" in text
    assert "  AAPL: no row survived\n    observed: 0 rows" in text
    assert text.splitlines()[-1] == (
        "next: see the report, fix the cause, then: "
        "python run_pipeline.py resume 20240103T120000Z-00ff"
    )


def test_of_very_many_assets_those_in_trouble_are_shown_and_the_rest_counted() -> None:
    assets = {f"A{number:03}": LINE for number in range(60)}
    assets["Z"] = {**LINE, "status": "blocked"}

    text = summary.assets_text(a_run(assets=assets))

    assert text.splitlines()[1].startswith("Z ")
    assert text.splitlines()[-1] == "... and 11 more in the report"


def test_history_names_runs_that_were_undone_and_those_without_an_end() -> None:
    undone = a_run(assets={"AAPL": LINE})
    killed = a_run(status="killed", exit_code=1, run_id="20240103T130000Z-00ff", assets={})

    lines = summary.history_text([killed, undone], {undone.run_id}).splitlines()

    assert lines[1].split()[-3:] == ["killed", "0", "0"]
    assert lines[2].split()[-5:] == ["ok,", "undone", "0", "1,248", "2"]


def test_history_counts_the_rows_of_skipped_stages_in_the_run_that_executed_them() -> None:
    skipped = [
        StageOutcome(name=name, status="skipped", produced_by="20240102T120000Z-00ff")
        for name in ("validate", "promote_silver")
    ]

    lines = summary.history_text([a_run(assets={"AAPL": LINE}, stages=skipped)]).splitlines()

    assert lines[1].split()[-4:] == ["ok", "0", "0", "0"]


@pytest.mark.parametrize(
    ("reasons", "before", "said"),
    [
        (
            ["notebook 40_build_gold.ipynb changed"],
            [],
            "build_gold would run as of 2024-01-03T00:00:00Z, because\n"
            "  notebook 40_build_gold.ipynb changed\nit last ran in run r1",
        ),
        (
            [],
            [],
            "build_gold would be skipped as of 2024-01-03T00:00:00Z: "
            "nothing that it reads has changed\nit last ran in run r1",
        ),
        (
            [],
            ["validate"],
            "build_gold would be skipped as of 2024-01-03T00:00:00Z: nothing that it reads has "
            "changed, unless validate, which would run before it, changes that\n"
            "it last ran in run r1",
        ),
    ],
)
def test_outlook_is_said_in_sentences(reasons: list[str], before: list[str], said: str) -> None:
    assert results.of_outlook(Outlook("build_gold", AS_OF, reasons, "r1", before)).text == said


def test_history_sums_the_rows_of_each_run() -> None:
    lines = summary.history_text([a_run(assets={"AAPL": LINE, "MSFT": LINE})]).splitlines()

    assert lines[0].split() == [
        *("run", "as", "of", "took", "status", "exit", "promoted", "quarantined")
    ]
    assert lines[1].split()[-4:] == ["ok", "0", "2,496", "4"]


def test_rows_of_no_asset_are_said_below_the_assets() -> None:
    line = {"status": "unlisted", "rows_in": 3, "quarantined": 3, "reason": "3 rows: TSLA (3)"}
    run = a_run(assets={"(unlisted)": line})

    text = summary.run_text(run)

    assert "(unlisted): 3 rows: TSLA (3)" in text
    assert summary.run_object(run)["assets"]["(unlisted)"] == line


def warning(symbol: str, *, blocks: bool = False) -> Check:
    return Check(
        name="missing_sessions",
        passed=False,
        blocks=blocks,
        table="silver.bars",
        symbol=symbol,
        observed="1 missing: 2026-06-12",
    )


def test_text_names_the_checks_that_only_warn() -> None:
    checks = [warning("AAPL"), warning("MSFT", blocks=True)]
    record = StageRecord(run_id="r", stage="validate", as_of=AS_OF, status="ok", checks=checks)
    validated = StageOutcome(name="validate", status="ok", record=record)

    lines = summary.run_text(a_run(stages=[validated])).splitlines()

    at = lines.index("warnings:")
    assert lines[at + 1 : at + 3] == ["  AAPL missing_sessions: 1 missing: 2026-06-12", ""]


def test_text_says_how_many_warnings_it_leaves_out() -> None:
    checks = [warning(f"A{number}") for number in range(13)]
    record = StageRecord(run_id="r", stage="validate", as_of=AS_OF, status="ok", checks=checks)
    validated = StageOutcome(name="validate", status="ok", record=record)

    text = summary.run_text(a_run(stages=[validated]))

    assert "A9 missing" in text
    assert "A10 missing" not in text
    assert "  ... and 3 more in the report" in text


def test_rollback_is_called_one_and_has_no_report() -> None:
    run = a_run(**ROLLED_BACK)

    assert summary.run_text(run).splitlines() == [
        "rolled back to run 20240102T120000Z-00aa: Silver and Gold are as that run published them",
        "run 20240103T120000Z-00ff, as of 2024-01-03T00:00:00Z, 12 s",
        "",
        "asset  freshness",
        "AAPL   late",
    ]
    assert summary.run_object(run)["kind"] == "rollback"
    assert summary.run_object(run)["restored"] == "20240102T120000Z-00aa"


def test_history_calls_a_rollback_one_and_counts_no_rows_for_it() -> None:
    line = summary.history_text([a_run(**ROLLED_BACK), a_run()]).splitlines()[1]

    assert line.split()[-3:] == ["s", "rolled_back", "0"]


def test_a_rollback_of_very_many_assets_is_shown() -> None:
    assets = {f"SYM{number:03}": {"freshness": "fresh"} for number in range(60)}

    assert "... and 10 more" in summary.run_text(a_run(**{**ROLLED_BACK, "assets": assets}))


def test_text_says_why_assets_are_held_and_what_lies_outside_hours() -> None:
    held = AssetLedger(status="blocked", reason="spacing: observed weekly bars")
    outside = AssetLedger(rows_in=390, promoted=390, outside_hours=1_570)
    records = [
        StageRecord(run_id="r", stage=name, as_of=AS_OF, status="ok", assets=assets)
        for name, assets in (
            ("validate", {"AAPL": AssetLedger(), "SPY": held}),
            ("build_gold", {"AAPL": outside}),
        )
    ]
    stages = [StageOutcome(name=one.stage, status="ok", record=one) for one in records]

    text = summary.run_text(a_run(stages=stages))

    assert "held back:\n  SPY: spacing: observed weekly bars\n\n" in text
    assert (
        "outside trading hours, so in silver.bars and in no session:\n  AAPL: 1,570 bars\n\n"
        in text
    )
