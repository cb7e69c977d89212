"""Runs after other runs, with real kernels: what is skipped, resumed and tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from sentinel_lib.errors import UsageError
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.skipping import selection
from tests import handed_on

AS_OF = datetime(2024, 1, 3, tzinfo=UTC)
FRESH = {"details": handed_on.monitored(AAPL="late", MSFT="stale")}
PASSED = {"assets": {"AAPL": {"rows_in": 1, "promoted": 1}, "MSFT": {"status": "not_due"}}}


@pytest.fixture(autouse=True)
def log_reset() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def resumed(project: Any, run_id: str) -> RunRecord:
    asked = project.request(as_of=None)
    request = selection.resumed(asked, project.folder / "data", run_id)
    return project.run(**dict(request))


def shown(record: RunRecord) -> dict[str, str]:
    """Each stage's status, and of a skipped one the run that it repeats."""
    return {one.name: one.produced_by or one.status for one in record.stages}


def test_unchanged_run_executes_nothing_and_ends_as_the_first_did(project: Any) -> None:
    project.says(ingest=PASSED, validate=PASSED, promote_silver=PASSED, monitor=FRESH)
    first = project.run()
    created = project.created()

    again = project.run()

    assert (first.exit_code, again.exit_code) == (5, 5)
    assert shown(again) == {one.name: first.run_id for one in first.stages}
    assert (again.assets, again.conditions) == (first.assets, first.conditions)
    assert again.report == first.report
    new = set(project.created()) - set(created)
    assert new == {f"data/ops/runs/{again.run_id}/run.json", f"logs/{again.run_id}.jsonl"}


def test_stage_that_runs_finds_what_the_skipped_ones_said(project: Any) -> None:
    project.says(ingest=PASSED)
    first = project.run()
    project.edit("validate", "said = says", "said = says  # edited\\nsaid = says")

    second = project.run()

    assert shown(second) == {
        "ingest": first.run_id, "validate": "ok", "promote_silver": first.run_id, "monitor": "ok",
    }  # fmt: skip
    handed_over = project.history.read_stage(second.run_id, "ingest")
    assert (handed_over.run_id, handed_over.assets["AAPL"].promoted) == (first.run_id, 1)
    assert shown(project.run())["validate"] == second.run_id


def test_configuration_that_is_edited_during_a_run_is_that_of_the_next_one(project: Any) -> None:
    assets = project.folder / "config" / "assets.yaml"
    before = assets.read_text()

    class Editing(Progress):
        def stage_started(self, stage: str) -> None:
            if stage == "validate":
                assets.write_text(before.replace("MSFT: {}", "MSFT: {gaps: warn}"))

    first = project.run(Editing())
    second = project.run()
    third = project.run()

    kept = [project.history.layout.config_of(one.run_id) / "assets.yaml" for one in (first, second)]
    assert [path.read_text() for path in kept] == [before, assets.read_text()]
    assert set(shown(second).values()) == {"ok"}
    assert set(shown(third).values()) == {second.run_id}
    assert not project.history.layout.config_of(third.run_id).exists()


def test_resume_goes_on_at_the_failed_stage_with_the_same_as_of_and_parameters(
    project: Any,
) -> None:
    project.says(validate={"status": "blocked"})
    failed = project.run(assets=("AAPL",), as_of=AS_OF - timedelta(hours=2))
    project.says()

    record = resumed(project, failed.run_id)

    assert shown(record) == {
        "ingest": failed.run_id, "validate": "ok", "promote_silver": "ok", "monitor": "ok",
    }  # fmt: skip
    assert (record.as_of, record.resumed) == (failed.as_of, failed.run_id)
    assert list(record.assets) == ["AAPL"]


def test_resume_validates_again_what_was_certified_under_other_rules(project: Any) -> None:
    project.terms = {"validate": "suite: silver"}
    project.stages("ingest", "validate", "promote_silver", "monitor")
    project.says(promote_silver={"status": "blocked"})
    failed = project.run()
    suite = project.folder / "config" / "expectations" / "silver.yaml"
    suite.write_text(suite.read_text().replace("column: close", "column: open"))
    project.says()

    record = resumed(project, failed.run_id)

    assert shown(record) == {
        "ingest": failed.run_id, "validate": "ok", "promote_silver": "ok", "monitor": "ok",
    }  # fmt: skip


def test_stage_finds_every_record_of_those_skipped_since_another_one_ran(project: Any) -> None:
    first = project.run()
    project.edit("ingest", "said = says", "said = says  # edited\\nsaid = says")

    second = project.run()

    assert shown(second)["validate"] == shown(second)["promote_silver"] == first.run_id
    assert project.history.read_stage(second.run_id, "validate").run_id == first.run_id


def test_resume_goes_on_with_a_run_that_was_killed_and_left_no_record(project: Any) -> None:
    class Killed(Progress):
        def stage_started(self, stage: str) -> None:
            if stage == "promote_silver":
                raise SystemExit

    with pytest.raises(SystemExit):
        project.run(Killed())
    [run_id] = project.history.run_ids()

    record = resumed(project, run_id)

    assert project.history.run_of(run_id) is None
    assert shown(record) == {
        "ingest": run_id, "validate": run_id, "promote_silver": "ok", "monitor": "ok",
    }  # fmt: skip


def test_run_that_ended_well_cannot_be_resumed(project: Any) -> None:
    project.stages("validate", "monitor")
    project.says(validate=PASSED)
    record = project.run()

    with pytest.raises(
        UsageError, match=f"run {record.run_id} ended ok: there is nothing to resume"
    ):
        resumed(project, record.run_id)


def test_stage_whose_source_fails_for_a_while_runs_again_with_growing_pauses(project: Any) -> None:
    project.terms = {"ingest": "retries: 3, retry_wait_seconds: 0.01"}
    project.stages("ingest", ingest="source_down_twice")

    record = project.run(only_stage="ingest")

    [ingest] = record.stages
    assert (ingest.status, ingest.attempts, record.exit_code) == ("ok", 3, 0)
    events = [
        json.loads(line)
        for line in (project.folder / "logs" / f"{record.run_id}.jsonl").read_text().splitlines()
    ]
    assert [one["event"] for one in events].count(
        "the source failed, and the stage runs again"
    ) == 2


def test_source_that_never_answers_ends_the_run_after_its_retries(project: Any) -> None:
    project.terms = {"ingest": "retries: 1, retry_wait_seconds: 0.01"}
    project.stages("ingest", ingest="source_down_twice")

    record = project.run()

    assert (record.stages[0].attempts, record.exit_code) == (2, 6)


def test_source_that_refuses_for_good_is_not_asked_again(project: Any) -> None:
    project.terms = {"ingest": "retries: 3, retry_wait_seconds: 0.01"}
    project.stages("ingest", ingest="raises_source_error")

    record = project.run()

    assert (record.stages[0].attempts, record.exit_code) == (1, 6)


def test_stages_after_the_deadline_are_not_begun_but_the_monitor_is(project: Any) -> None:
    project.stages("ingest", "validate", "monitor", ingest="hangs")
    path = project.folder / "config" / "pipeline.yaml"
    path.write_text(f"deadline_minutes: 0.05\n{path.read_text()}")

    record = project.run()

    assert shown(record) == {"ingest": "failed", "validate": "skipped", "monitor": "ok"}
    assert record.stages[0].error_name == "CellTimeoutError"
    assert record.stages[0].cell
    assert record.exit_code == 1


def test_crash_of_the_pipeline_itself_is_in_the_record_of_the_run(project: Any) -> None:
    class Broken(Progress):
        def stage_started(self, stage: str) -> None:
            if stage == "validate":
                raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError, match="a fault of ours"):
        project.run(Broken())

    [record] = project.history.newest()
    assert (record.exit_code, record.conditions) == (1, ["unexpected"])
    assert shown(record) == {"ingest": "ok"}
