from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sentinel_lib.errors import StorageError
from sentinel_lib.records.stage import AssetLedger, RunRecord, StageRecord
from sentinel_lib.storage.run_history import RunHistory

AS_OF = datetime(2026, 11, 23, 12, tzinfo=UTC)


def stage_record(run_id: str, stage: str = "ingest") -> StageRecord:
    ledger = AssetLedger(rows_in=3, promoted=2, quarantined=1)
    return StageRecord(
        run_id=run_id, stage=stage, as_of=AS_OF, status="ok", assets={"AAPL": ledger}
    )


def run_record(run_id: str) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        as_of=AS_OF,
        started_at_utc=AS_OF,
        finished_at_utc=AS_OF,
        status="ok",
        exit_code=0,
    )


def test_stage_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    history = RunHistory(tmp_path)

    history.write_stage(stage_record("r1"))
    path = history.layout.record("r1", "ingest")

    assert path == tmp_path / "ops" / "runs" / "r1" / "ingest.json"
    assert history.read_stage("r1", "ingest") == stage_record("r1")


def test_stage_that_has_said_nothing_has_no_record(tmp_path: Path) -> None:
    history = RunHistory(tmp_path)
    history.write_stage(stage_record("r1", "ingest"))

    assert history.read_stage("r1", "validate") is None
    assert history.read_stage("r2", "ingest") is None


def test_forgotten_stage_has_no_record(tmp_path: Path) -> None:
    history = RunHistory(tmp_path)
    history.write_stage(stage_record("r1", "ingest"))
    history.write_stage(stage_record("r1", "validate"))

    history.forget_stage("r1", "ingest")
    history.forget_stage("r1", "ingest")

    assert history.read_stage("r1", "ingest") is None
    assert history.read_stage("r1", "validate") is not None


def test_runs_are_listed_with_the_newest_first(tmp_path: Path) -> None:
    history = RunHistory(tmp_path)
    for run_id in ("20261122T120000Z", "20261123T120000Z", "20261121T120000Z"):
        history.write_run(run_record(run_id))

    found = [record.run_id for record in history.newest()]

    assert found == ["20261123T120000Z", "20261122T120000Z", "20261121T120000Z"]


def test_run_that_has_not_finished_has_an_id_and_no_record(tmp_path: Path) -> None:
    history = RunHistory(tmp_path)
    history.write_run(run_record("r1"))
    history.write_stage(stage_record("r2"))

    assert history.run_ids() == ["r2", "r1"]
    assert [record.run_id for record in history.newest()] == ["r1"]


def test_history_of_no_runs_is_empty(tmp_path: Path) -> None:
    history = RunHistory(tmp_path / "nowhere")

    assert (list(history.newest()), history.run_ids()) == ([], [])


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"run_id": "r1"}', '{"surprise": 1}', "\x00\x01"]
)
def test_record_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, content: str) -> None:
    history = RunHistory(tmp_path)
    history.write_stage(stage_record("r1"))
    path = history.layout.record("r1", "ingest")
    path.write_text(content)

    with pytest.raises(StorageError, match="is not a record that this version can read") as caught:
        history.read_stage("r1", "ingest")

    assert str(caught.value).startswith(str(path))
    assert caught.value.next_step == f"restore {path} from a backup, or move it away and run again"


def test_secrets_are_in_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_URLS", "json://robot:hunter2-hunter2@example.com")
    history = RunHistory(tmp_path)
    failed = stage_record("r1").model_copy(update={"error": 'said "hunter2-hunter2"'})

    history.write_stage(failed)
    history.write_run(
        run_record("r1").model_copy(update={"command": "run --input hunter2-hunter2"})
    )

    found = history.read_stage("r1", "ingest")
    assert found is not None
    assert found.error == 'said "(secret:NOTIFY_URLS)"'
    assert next(history.newest()).command == "run --input (secret:NOTIFY_URLS)"


def rollback_record(run_id: str, restored: str) -> RunRecord:
    return run_record(run_id).model_copy(update={"kind": "rollback", "restored": restored})


def history_of(folder: Path, *runs: str) -> RunHistory:
    """Runs by name, and rollbacks as ``name>restored``."""
    history = RunHistory(folder)
    for run in runs:
        name, _, restored = run.partition(">")
        history.write_run(rollback_record(name, restored) if restored else run_record(name))
    return history


@pytest.mark.parametrize(
    ("runs", "standing"),
    [
        (["r1", "r2", "r3"], ["r3", "r2", "r1"]),
        (["r1", "r2", "r3", "r4>r1", "r5"], ["r5", "r1"]),
        (["r1", "r2", "r3>r1", "r4", "r5>r2"], ["r2", "r1"]),
        (["r1", "r2", "r3", "r4>r2", "r5", "r6>r1", "r7"], ["r7", "r1"]),
        (["r1", "r2", "r3>r1", "r4", "r5>r3"], ["r1"]),
        (["r1>r0", "r2"], ["r2"]),
    ],
    ids=["no rollback", "one", "to a run undone before", "one within", "to one", "to none"],
)
def test_the_published_state_rests_on_the_runs_that_no_rollback_has_undone(
    tmp_path: Path, runs: list[str], standing: list[str]
) -> None:
    history = history_of(tmp_path, *runs)

    found = history.standing()

    assert found == standing
    made = {run for run in runs if ">" not in run}
    assert history.undone() == made - set(standing)


def test_what_a_run_rested_on_is_known_after_it_was_undone(tmp_path: Path) -> None:
    history = history_of(tmp_path, "r1", "r2", "r3", "r4>r1")

    assert history.standing(after="r3") == ["r3", "r2", "r1"]


def test_a_run_that_has_not_ended_counts_as_one(tmp_path: Path) -> None:
    history = history_of(tmp_path, "r1", "r2>r1")

    history.write_stage(stage_record("r3"))

    assert history.standing() == ["r3", "r1"]
