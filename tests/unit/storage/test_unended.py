from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.storage.lock import RunLock
from sentinel_lib.storage.run_history import RunHistory

BEGAN = datetime(2024, 3, 6, 9, 30, tzinfo=UTC)
RUN = "20240306T093000.000Z-0000"


@pytest.fixture
def history(tmp_path: Path) -> RunHistory:
    """A run that has begun."""
    history = RunHistory(tmp_path)
    history.write_request(RunRequest(run_id=RUN, as_of=BEGAN, command="python run_pipeline.py"))
    return history


def test_run_without_an_end_whose_owner_is_gone_was_killed(
    history: RunHistory, tmp_path: Path
) -> None:
    [run] = RunHistory(tmp_path).runs()

    assert (run.run_id, run.status, run.started_at_utc) == (RUN, "killed", BEGAN)
    assert run.command == "python run_pipeline.py"


def test_run_whose_owner_lives_goes_on(history: RunHistory, tmp_path: Path) -> None:
    lock = RunLock(tmp_path, lambda: BEGAN)

    with lock.hold("python run_pipeline.py"):
        lock.sign(RUN)
        [during] = RunHistory(tmp_path).runs()
    [afterwards] = RunHistory(tmp_path).runs()

    assert (during.status, afterwards.status) == ("running", "killed")


def test_runs_with_and_without_an_end_stand_in_one_row(history: RunHistory, tmp_path: Path) -> None:
    for run_id in ("20240305T093000.000Z-0000", "20240307T093000.000Z-0000"):
        history.write_run(
            RunRecord(
                run_id=run_id,
                as_of=BEGAN,
                started_at_utc=BEGAN,
                finished_at_utc=BEGAN,
                status="ok",
                exit_code=0,
            )
        )

    assert [run.status for run in RunHistory(tmp_path).runs()] == ["ok", "killed", "ok"]


def test_folder_in_which_nothing_ever_ran_has_no_runs(tmp_path: Path) -> None:
    assert list(RunHistory(tmp_path).runs()) == []
