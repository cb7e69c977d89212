"""The report of one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_lib.records.stage import (
    AssetLedger,
    AssetOutcome,
    RunRecord,
    StageOutcome,
    StageRecord,
)
from sentinel_lib.reporting.run_report import write_run_report

AGGREGATES = (
    "symbol,sessions,latest_close,vwap_20d\nAAPL,230,187.500000,\nSPY,229,512.250000,510.1\n"
)
FRESHNESS = {
    "assets": {
        "AAPL": {"status": "fresh", "max_loaded_at": "2026-11-25T00:00:00Z"},
        "SPY": {
            "status": "stale",
            "max_loaded_at": "2026-11-20T00:00:00Z",
            "sessions_behind": 3,
            "max_loaded_at_time_ago_in_s": 511_200,
            "next_breach_at": None,
            "reason": "source late",
        },
    }
}


def write(run: RunRecord, folder: Path, **given: object) -> Path:
    nothing = {"previous": None, "aggregates_csv": None, "freshness": None}
    return write_run_report(run, folder, **(nothing | given))


def in_order(text: str, *parts: str) -> bool:
    places = [text.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


def test_report_opens_with_the_verdict(tmp_path: Path, read_page, ok_run: RunRecord) -> None:
    path = write(ok_run, tmp_path / "R", aggregates_csv=AGGREGATES, freshness=FRESHNESS)

    page = read_page(path)
    assert path == tmp_path / "R" / "index.html"
    assert page.text_of("h1") == ["Run 20261125T220001Z:", "ok"]
    assert in_order(
        page.text,
        "0: everything that was due was promoted",
        "2026-11-25 22:00:00 UTC",
        "1 min 4 s",
        "python run_pipeline.py run --as-of 2026-11-25T22:00:00Z",
    )
    assert page.text_of("h2") == [
        "Stages",
        "Rows",
        "Gates",
        "Quarantine",
        "Freshness",
        "Gold",
        "Artifacts",
    ]


def test_report_reconciles_the_rows_of_an_asset(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    page = read_page(write(ok_run, tmp_path))

    assert "AAPL passed 1,210 1,200 7 3 yes fresh" in page.text
    assert "All 1 1,210 1,200 7 3" in page.text


def test_report_names_rows_that_nothing_accounts_for(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    asset = ok_run.assets["AAPL"].model_copy(update={"promoted": 1_198})

    page = read_page(write(ok_run.model_copy(update={"assets": {"AAPL": asset}}), tmp_path))

    assert "no: 2 unexplained" in page.text


def test_report_links_only_the_notebooks_that_are_there(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    (tmp_path / "ingest.html").write_text("a page")
    (tmp_path / "ingest.ipynb").write_text("a notebook")

    page = read_page(write(ok_run, tmp_path))

    assert [link for link in page.attributes("a", "href") if ".." not in link] == [
        "ingest.html",
        "ingest.ipynb",
    ]


def test_report_folds_the_checks_that_passed(tmp_path: Path, read_page, ok_run: RunRecord) -> None:
    page = read_page(write(ok_run, tmp_path))

    assert "No check failed." in page.text
    assert page.text_of("summary") == ["2 checks passed"]
    assert "high is not below low" in page.text_of("details")


def test_report_counts_quarantine_by_rule_the_largest_first(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    page = read_page(write(ok_run, tmp_path))

    assert "close_not_null validate 5 not_final validate 2" in page.text


def test_report_shows_what_needs_attention_first_on_the_freshness_board(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    page = read_page(write(ok_run, tmp_path, freshness=FRESHNESS))

    assert in_order(
        page.text,
        "Next breach Reason",
        "SPY stale 2026-11-20 00:00:00 UTC 3 5 d 22 h – source late",  # noqa: RUF001
        "AAPL fresh 2026-11-25 00:00:00 UTC",
    )


def test_report_shows_gold_as_published(tmp_path: Path, read_page, ok_run: RunRecord) -> None:
    page = read_page(write(ok_run, tmp_path, aggregates_csv=AGGREGATES))

    assert "symbol sessions latest_close vwap_20d AAPL 230 187.500000 – SPY 229" in page.text  # noqa: RUF001


def test_report_of_a_run_with_nothing_to_show_says_so(
    tmp_path: Path, read_page, crashed_run: RunRecord
) -> None:
    run = crashed_run.model_copy(update={"stages": []})

    page = read_page(write(run, tmp_path))

    assert in_order(
        page.text,
        "The run stopped outside its stages",
        "No stage ran.",
        "No stage got as far as counting rows.",
        "No check was evaluated in this run.",
        "No stage reported a quarantined row.",
        "No freshness has been judged.",
        "Nothing is published in Gold yet.",
    )


def test_report_of_a_degraded_run_names_what_was_held_back(
    tmp_path: Path, read_page, degraded_run: RunRecord
) -> None:
    page = read_page(write(degraded_run, tmp_path))

    assert page.text_of("h2")[0] == "Held back: 1 of 2 assets"
    assert "XYZ unreachable : kraken answered 503 three times" in page.text
    assert "8: some assets were held back" in page.text


def test_report_of_a_blocked_run_explains_and_says_what_to_do(
    tmp_path: Path, read_page, blocked_run: RunRecord, ok_run: RunRecord
) -> None:
    write(ok_run, tmp_path / ok_run.run_id)

    page = read_page(write(blocked_run, tmp_path / blocked_run.run_id, previous=ok_run))

    assert page.text_of("h2")[0] == "Stopped at stage validate, cell In [9]"
    assert in_order(
        page.text,
        "Stopped at stage validate",
        "The silver gate let nothing through. (GateBlocked)",
        "Observed 7 of 7 bars refused",
        "Expected at most 0.05 refused",
        "Last good run 20261125T220001Z",
        "What to do correct bars.csv from line 11 on",
        "Then run python run_pipeline.py resume 20261126T000000Z",
        "SPY high_not_below_low high 1.0 is below low 2.11 bars.csv 11",
        "high 1.0 is below low 2.15 bars.csv 15",
        "and 2 more in",
        "Stages",
        "quarantined fraction failed validate silver.bars SPY 1.00 at most 0.05",
        "1 check passed",
    )
    assert f"../{ok_run.run_id}/index.html" in page.attributes("a", "href")


def test_report_of_a_crash_says_that_nothing_is_known_of_the_rows(
    tmp_path: Path, read_page, crashed_run: RunRecord
) -> None:
    page = read_page(write(crashed_run, tmp_path))

    assert in_order(
        page.text,
        "Stopped at stage ingest, cell In [3]",
        "Kernel died (DeadKernelError)",
        "left no stage record",
        "Last good run none is known",
        "Run next python run_pipeline.py",
    )


def test_report_never_calls_a_failed_run_the_last_good_one(
    tmp_path: Path, read_page, blocked_run: RunRecord, crashed_run: RunRecord
) -> None:
    page = read_page(write(crashed_run, tmp_path, previous=blocked_run))

    assert "Last good run none is known" in page.text
    assert blocked_run.run_id not in page.text


@pytest.mark.parametrize(
    ("status", "kind"),
    [("interrupted", "run"), ("failed", "run"), ("ok", "rollback")],
)
def test_report_calls_neither_a_stopped_run_nor_a_rollback_the_last_good_one(
    tmp_path: Path, read_page, crashed_run: RunRecord, ok_run: RunRecord, status: str, kind: str
) -> None:
    other = ok_run.model_copy(update={"status": status, "kind": kind})

    page = read_page(write(crashed_run, tmp_path, previous=other))

    assert "Last good run none is known" in page.text


def test_report_of_an_interrupted_run_calls_no_row_unexplained(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    fetched = StageRecord(
        run_id=ok_run.run_id,
        stage="ingest",
        as_of=ok_run.as_of,
        status="ok",
        assets={"AAPL": AssetLedger(rows_in=5, promoted=5)},
    )
    stages = [
        StageOutcome(name="ingest", status="ok", record=fetched),
        StageOutcome(name="validate", status="failed", error_name="Terminated"),
        StageOutcome(name="promote_silver", status="skipped"),
        StageOutcome(name="monitor", status="skipped"),
    ]
    line = AssetOutcome(status="not_evaluated", rows_in=5)
    stopped = {"status": "interrupted", "exit_code": 143, "stages": stages}

    page = read_page(
        write(ok_run.model_copy(update=stopped | {"assets": {"AAPL": line}}), tmp_path)
    )

    assert "unexplained" not in page.text
    assert "AAPL not evaluated 5 0 0 0 5 not promoted in this run" in page.text
    assert "AAPL not evaluated : the run ended before it was judged" in page.text
    assert "No freshness has been judged." in page.text
