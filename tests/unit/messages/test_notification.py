from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sentinel_lib.messages import notification
from sentinel_lib.records.stage import (
    AssetLedger,
    OffendingRow,
    RunRecord,
    StageOutcome,
    StageRecord,
)
from tests import handed_on

AS_OF = datetime(2024, 1, 3, tzinfo=UTC)
RUN_ID = "20240103T120000Z-00ff"
LINE = {
    "status": "passed",
    "rows_in": 1_250,
    "promoted": 1_248,
    "quarantined": 2,
    "deduplicated": 0,
    "freshness": "fresh",
}
HELD = {**LINE, "status": "blocked", "promoted": 0, "quarantined": 1_250, "freshness": "stale"}

ROLLED_BACK = {
    "kind": "rollback",
    "restored": "20240102T120000Z-00aa",
    "stages": [],
    "assets": {"AAPL": {"status": "restored", "freshness": "late"}},
    "report": "",
}


def a_run(**changes: Any) -> RunRecord:
    content: dict[str, Any] = {
        "run_id": RUN_ID,
        "as_of": AS_OF,
        "started_at_utc": AS_OF,
        "finished_at_utc": AS_OF + timedelta(seconds=12),
        "status": "ok",
        "exit_code": 0,
        "command": "python run_pipeline.py run --as-of 2024-01-03",
        "stages": [StageOutcome(name="ingest", status="ok", seconds=1.5)],
        "assets": {"AAPL": LINE},
        "report": "reports/r/index.html",
    }
    return RunRecord.model_validate({**content, **changes})


def said_by(stage: str, **content: Any) -> StageRecord:
    return StageRecord(run_id=RUN_ID, stage=stage, as_of=AS_OF, status="ok", **content)


def a_blocked_run() -> RunRecord:
    """Validation blocked MSFT, whose last bar is old; AAPL waits with it."""
    ledger = AssetLedger(status="blocked", reason="10.06% quarantined, at most 5.00%")
    row = OffendingRow(
        symbol="MSFT", rule="bar.high", reason="high < low", file="inbox/msft.csv", line=7
    )
    validate = StageOutcome(
        name="validate",
        status="blocked",
        cell='In [4] under "Check"',
        error="nothing may be promoted\n  observed: 18 of 179 rows\n  next: mend the source",
        record=said_by("validate", assets={"MSFT": ledger}, offending_rows=[row]),
    )
    ages = {
        "MSFT": handed_on.freshness("stale", reason="3 sessions behind"),
        "AAPL": handed_on.freshness(reason="fine"),
    }
    details = handed_on.details("monitor", freshness=ages)
    monitor = StageOutcome(name="monitor", status="ok", record=said_by("monitor", details=details))
    return a_run(
        status="failed",
        exit_code=4,
        conditions=["gate_blocked", "freshness"],
        stages=[validate, monitor],
        assets={"AAPL": LINE, "MSFT": HELD},
    )


def test_mail_about_a_run_that_went_well_gives_status_assets_and_report() -> None:
    mail = notification.message(a_run())

    assert mail.subject == "Dataflow Sentinel ok: everything that was due was promoted"
    assert mail.text.splitlines() == [
        "Dataflow Sentinel ok: everything that was due was promoted",
        "",
        f"run: {RUN_ID}, as of 2024-01-03T00:00:00Z, took 12 s",
        "exit code: 0, everything that was due was promoted",
        "report: reports/r/index.html",
        "",
        "assets",
        "- AAPL: passed, fresh; 1,248 rows promoted, 2 quarantined",
        "",
        "next: python run_pipeline.py status",
    ]


def test_mail_about_a_failed_run_gives_stage_cell_cause_row_and_the_assets_in_trouble_first() -> (
    None
):
    mail = notification.message(a_blocked_run())

    assert mail.subject == (
        "Dataflow Sentinel failed: a gate let nothing through, so nothing was promoted"
    )
    assert mail.text.splitlines()[2:] == [
        f"run: {RUN_ID}, as of 2024-01-03T00:00:00Z, took 12 s",
        "exit code: 4, a gate let nothing through, so nothing was promoted",
        "conditions: gate_blocked, freshness",
        "report: reports/r/index.html",
        "",
        'stage validate blocked at In [4] under "Check"',
        "  cause: nothing may be promoted",
        "  observed: 18 of 179 rows",
        "  next: mend the source",
        "  row of MSFT: msft.csv line 7: high < low",
        "",
        "assets",
        "- MSFT: blocked, stale; 0 rows promoted, 1,250 quarantined; "
        "10.06% quarantined, at most 5.00%; 3 sessions behind",
        "- AAPL: passed, fresh; 1,248 rows promoted, 2 quarantined",
        "",
        f"next: python run_pipeline.py resume {RUN_ID}",
    ]


def test_mail_about_a_degraded_run_says_how_refused_rows_are_looked_at() -> None:
    run = a_run(status="degraded", exit_code=8, assets={"AAPL": LINE, "MSFT": HELD})

    mail = notification.message(run)

    assert mail.subject == (
        "Dataflow Sentinel degraded: some assets were held back, the rest was promoted"
    )
    assert mail.text.splitlines()[-1] == "next: python run_pipeline.py replay --dry-run"


def test_a_degraded_run_with_an_unreachable_source_is_to_be_run_again() -> None:
    unreachable = {**HELD, "status": "unreachable"}

    mail = notification.message(a_run(status="degraded", exit_code=8, assets={"A": unreachable}))

    assert mail.text.splitlines()[-1] == "next: python run_pipeline.py run --as-of 2024-01-03"


FOLDERS = "--config 'a b' --data /srv/data --reports=/srv/reports"


@pytest.mark.parametrize(
    ("asset", "advice"),
    [
        ({**LINE, "freshness": "stale"}, "python run_pipeline.py status"),
        ({**HELD, "status": "not_evaluated"}, "python run_pipeline.py status"),
        (HELD, "python run_pipeline.py replay --dry-run"),
    ],
)
def test_advised_command_looks_where_the_run_was_and_is_none_that_would_be_skipped(
    asset: dict[str, Any], advice: str
) -> None:
    command = f"python run_pipeline.py run --as-of 2024-01-03 {FOLDERS}"
    run = a_run(status="degraded", exit_code=8, assets={"A": asset}, command=command)

    mail = notification.message(run)

    assert mail.text.splitlines()[-1] == f"next: {advice} {FOLDERS}"


def test_without_a_run_the_advised_command_looks_where_it_was_sought() -> None:
    mail = notification.message(None, command=f"python run_pipeline.py notify {FOLDERS}")

    assert mail.text.splitlines()[-1] == f"next: python run_pipeline.py history {FOLDERS}"


@pytest.mark.parametrize(
    ("changes", "around", "kind"),
    [
        ({}, "", "success"),
        ({}, "the disk was full", "failure"),
        ({"status": "degraded", "exit_code": 5}, "", "warning"),
        ({"status": "interrupted", "exit_code": 143}, "", "warning"),
        ({"status": "failed", "exit_code": 4}, "", "failure"),
    ],
)
def test_kind_of_the_message_is_how_the_run_ended(
    changes: dict[str, Any], around: str, kind: str
) -> None:
    assert notification.message(a_run(**changes), around=around).kind == kind


def test_message_about_no_run_is_about_a_failure() -> None:
    assert notification.message(None).kind == "failure"


def test_row_is_told_without_its_file_and_line_twice() -> None:
    reason = "inbox/msft.csv line 7: high 8 is below open 10 [bar.high]"
    row = OffendingRow(symbol="MSFT", rule="bar.high", reason=reason, file="inbox/msft.csv", line=7)
    record = said_by("validate", offending_rows=[row])
    stage = StageOutcome(name="validate", status="blocked", error="no", record=record)

    mail = notification.message(a_run(status="failed", exit_code=4, stages=[stage]))

    assert "  row of MSFT: msft.csv line 7: high 8 is below open 10\n" in mail.text


@pytest.mark.parametrize(
    ("code", "cause"),
    [(130, "stopped from the keyboard (Ctrl-C)"), (143, "terminated (SIGTERM)")],
)
def test_a_run_that_was_stopped_is_called_interrupted(code: int, cause: str) -> None:
    mail = notification.message(a_run(status="failed", exit_code=code))

    assert mail.subject == f"Dataflow Sentinel interrupted: {cause}"


def test_without_a_record_the_mail_says_so_and_where_the_log_is() -> None:
    mail = notification.message(None, around="the job was cancelled", link="https://ci.example/1")

    assert mail.subject == "Dataflow Sentinel failed: no run was recorded"
    assert "outside the run: the job was cancelled\n" in mail.text
    assert "details: https://ci.example/1\n" in mail.text


def test_a_run_without_a_record_is_named() -> None:
    mail = notification.message(None, run_id=RUN_ID)

    assert mail.subject == f"Dataflow Sentinel failed: run {RUN_ID} left no record"


def test_trouble_around_a_good_run_makes_it_a_failure() -> None:
    mail = notification.message(a_run(), around="verify ended with exit code 4")

    assert mail.subject == (
        "Dataflow Sentinel failed: the run was ok, but verify ended with exit code 4"
    )


def test_a_run_whose_report_is_missing_says_so() -> None:
    assert "report: could not be written" in notification.message(a_run(report="")).text


def test_html_says_what_the_text_says_and_escapes_every_word() -> None:
    evil = '<script>alert("x")</script> & co'
    stage = StageOutcome(name="ingest", status="failed", cell=evil, error=evil)
    run = a_run(
        status="failed", exit_code=1, stages=[stage], assets={evil: LINE}, report=evil,
        conditions=[evil],
    )  # fmt: skip

    html = notification.message(run, around=evil, link=evil).html

    assert "<script>" not in html
    assert html.count("&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; co") == 7


def test_a_cause_of_several_lines_keeps_them_in_html() -> None:
    stage = StageOutcome(name="ingest", status="failed", error="first\nsecond")

    html = notification.message(a_run(status="failed", exit_code=1, stages=[stage])).html

    assert "<li>cause: first<br>second</li>" in html


def test_of_very_many_assets_those_in_trouble_are_told_and_the_rest_counted() -> None:
    assets = {f"A{number:03}": LINE for number in range(60)}

    mail = notification.message(a_run(assets={**assets, "Z": HELD}))

    lines = [line for line in mail.text.splitlines() if line.startswith("- ")]
    assert lines[0].startswith("- Z: blocked")
    assert lines[-1] == "- 11 more in the report"
    assert len(lines) == 51


def test_markdown_has_headline_cause_and_a_table_of_assets() -> None:
    page = notification.markdown(a_blocked_run())

    assert page.startswith("## Dataflow Sentinel failed: a gate let nothing through")
    assert "```text\ncause: nothing may be promoted\nobserved: 18 of 179 rows\n" in page
    assert "| MSFT | blocked | stale | 0 | 1,250 | 10.06% quarantined, at most 5.00%;" in page
    assert "| AAPL | passed | fresh | 1,248 | 2 |  |" in page
    assert page.endswith(f"```text\npython run_pipeline.py resume {RUN_ID}\n```\n")


def test_markdown_of_no_run_says_so() -> None:
    assert notification.markdown(None).startswith("## Dataflow Sentinel failed: no run was")


def test_no_word_can_leave_its_place_in_markdown() -> None:
    stage = StageOutcome(name="ingest", status="failed", error="a\n```\n# not a heading")
    evil = "x | y\n# <b>z</b> [l](u)"
    run = a_run(status="failed", exit_code=1, stages=[stage], assets={evil: LINE})

    page = notification.markdown(run)

    assert "````text\ncause: a\n```\n# not a heading\n````" in page
    assert "| x \\| y \\# &lt;b&gt;z&lt;/b&gt; \\[l\\]\\(u\\) | passed |" in page


def test_mail_about_a_rollback_says_what_was_restored_and_speaks_of_no_report() -> None:
    said = notification.message(a_run(**ROLLED_BACK))

    assert said.subject == (
        "Dataflow Sentinel rolled back to run 20240102T120000Z-00aa: "
        "Silver and Gold are as that run published them"
    )
    assert "- AAPL: restored, late" in said.text
    assert "promoted" not in said.text
    assert "report" not in said.text
