"""The history page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sentinel_lib.records.stage import AssetOutcome, RunRecord, StageOutcome
from sentinel_lib.reporting.history import MAX_RUNS, write_history


def test_history_shows_the_newest_run_first(
    tmp_path: Path, read_page, ok_run: RunRecord, degraded_run: RunRecord, blocked_run: RunRecord
) -> None:
    page = read_page(write_history([degraded_run, blocked_run, ok_run], tmp_path))

    shown = [text for text in page.text_of("tbody") if text.startswith("2026112")]
    assert shown == ["20261126T000000Z", "20261125T230000Z", "20261125T220001Z"]
    assert "ended failed : a gate let nothing through" in page.text


def test_history_links_only_reports_that_are_still_there(
    tmp_path: Path, read_page, ok_run: RunRecord, degraded_run: RunRecord
) -> None:
    report = tmp_path / ok_run.run_id / "index.html"
    report.parent.mkdir()
    report.write_text("a report")

    page = read_page(write_history([ok_run, degraded_run], tmp_path))

    assert page.attributes("a", "href") == ["20261125T220001Z/index.html"]
    assert (tmp_path / page.attributes("a", "href")[0]).is_file()


def test_history_counts_rows_and_assets(
    tmp_path: Path, read_page, ok_run: RunRecord, degraded_run: RunRecord
) -> None:
    page = read_page(write_history([ok_run, degraded_run], tmp_path))

    assert "1 passed, 1 unreachable" in page.text
    assert "In total: 2 runs (1 degraded, 1 ok), 1,202 rows promoted, 7 quarantined." in page.text
    assert "1 min 4 s" in page.text


def test_history_of_many_runs_stays_small(tmp_path: Path, read_page, ok_run: RunRecord) -> None:
    runs = [
        ok_run.model_copy(
            update={
                "run_id": f"R{number:05}",
                "started_at_utc": ok_run.started_at_utc + timedelta(days=number),
            }
        )
        for number in range(MAX_RUNS + 40)
    ]

    page = read_page(write_history(runs, tmp_path))

    assert page.text.count("R00") == MAX_RUNS
    assert "R00539" in page.text
    assert "R00039" not in page.text
    assert "and 40 more in the run records" in page.text
    assert "In total: 540 runs" in page.text


def test_history_before_the_first_run_says_how_to_start_one(tmp_path: Path, read_page) -> None:
    page = read_page(write_history([], tmp_path))

    assert "No run has finished yet." in page.text
    assert "python run_pipeline.py" in page.text


def test_history_escapes_what_it_shows(tmp_path: Path, read_page, ok_run: RunRecord) -> None:
    run = ok_run.model_copy(
        update={
            "run_id": "<b>R</b>",
            "assets": {"A": AssetOutcome.model_construct(status="<script>alert(1)</script>")},
        }
    )

    page = read_page(write_history([run], tmp_path))

    assert page.tags().isdisjoint({"script", "b"})
    assert "<script>alert(1)</script>" in page.text


def test_history_counts_rows_in_the_run_that_promoted_them_and_not_where_it_was_skipped(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    skipped = [
        StageOutcome(name=name, status="skipped", produced_by=ok_run.run_id)
        for name in ("ingest", "validate", "promote_silver")
    ]
    again = ok_run.model_copy(update={"run_id": "20261125T223000Z", "stages": skipped})

    page = read_page(write_history([ok_run, again], tmp_path))

    assert "2 runs (2 ok), 1,200 rows promoted, 7 quarantined." in page.text


def test_history_leaves_what_was_rolled_back_out_of_its_totals(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    taken_back = ok_run.model_copy(update={"run_id": "20261125T223000Z"})

    page = read_page(write_history([ok_run, taken_back], tmp_path, {taken_back.run_id}))

    assert "ok undone" in page.text
    assert "1,200 rows promoted, 7 quarantined, without the 1 undone by a rollback." in page.text


def test_history_shows_a_run_that_was_killed_without_an_exit_code(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    killed = RunRecord(
        run_id="20261126T020000Z",
        as_of=ok_run.as_of,
        started_at_utc=ok_run.started_at_utc + timedelta(hours=4),
        finished_at_utc=ok_run.started_at_utc + timedelta(hours=4, seconds=5),
        status="killed",
        exit_code=1,
    )

    page = read_page(write_history([ok_run, killed], tmp_path))

    assert "(1 killed, 1 ok)" in page.text
    assert "2026-11-26 02:00:01 UTC 5.0 s \N{EN DASH} 0 0 none" in page.text


def test_history_calls_a_rollback_one_and_counts_no_rows_for_it(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    rolled_back = RunRecord(
        run_id="20261126T020000Z",
        kind="rollback",
        restored=ok_run.run_id,
        as_of=ok_run.as_of,
        started_at_utc=ok_run.started_at_utc + timedelta(hours=4),
        finished_at_utc=ok_run.started_at_utc + timedelta(hours=4),
        status="ok",
        exit_code=0,
        assets={"AAPL": {"status": "restored", "freshness": "fresh"}},
    )

    page = read_page(write_history([ok_run, rolled_back], tmp_path))

    assert f"rolled back to run {ok_run.run_id}: Silver and Gold are as that run" in page.text
    assert f"rolled back to {ok_run.run_id}" in page.text
    assert "0 \N{EN DASH} \N{EN DASH} 1 restored" in page.text
    assert "(1 ok, 1 rolled back)" in page.text
