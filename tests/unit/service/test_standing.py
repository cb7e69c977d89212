from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sentinel_lib.records.stage import RunKind, RunRecord, RunStatus
from sentinel_lib.service import from_records, standing
from sentinel_lib.storage.run_history import RunHistory

NOW = datetime(2024, 3, 6, 12, 0, tzinfo=UTC)
SCHEDULE = "schedule: {cron: 30 9 * * *}\n"


@pytest.fixture
def history(tmp_path: Path) -> RunHistory:
    return RunHistory(tmp_path / "data")


def keep(
    history: RunHistory,
    started: datetime,
    status: RunStatus = "ok",
    code: int = 0,
    kind: RunKind = "run",
) -> None:
    history.write_run(
        RunRecord(
            run_id=f"{started:%Y%m%dT%H%M%S}.000Z-0000",
            kind=kind,
            as_of=started,
            started_at_utc=started,
            finished_at_utc=started + timedelta(minutes=1),
            status=status,
            exit_code=code,
        )
    )


def configured(tmp_path: Path, schedule: str = SCHEDULE) -> Path:
    config = tmp_path / "config"
    config.mkdir()
    stages = "stages: [{name: ingest, notebook: 10_ingest.ipynb}]\n"
    (config / "pipeline.yaml").write_text(f"data: {tmp_path / 'data'}\n{stages}{schedule}")
    return config


def test_where_nothing_ever_ran_nothing_was_missed(history: RunHistory) -> None:
    assert standing.before(history, NOW) == (None, NOW)


def test_last_run_settles_what_was_due_before_it_began(history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=2))
    keep(history, NOW - timedelta(days=1), "failed", 4)
    keep(history, NOW - timedelta(hours=1), kind="replay")

    last, settled = standing.before(history, NOW)

    assert last is not None
    assert (last.status, last.exit_code) == ("failed", 4)
    assert settled == NOW - timedelta(days=1)


def test_interrupted_run_settles_nothing(history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=2))
    keep(history, NOW - timedelta(days=1), "interrupted", 143)

    last, settled = standing.before(history, NOW)

    assert last is not None
    assert last.status == "interrupted"
    assert settled == NOW - timedelta(days=2)


def test_run_of_the_future_settles_what_was_due_until_now(history: RunHistory) -> None:
    keep(history, NOW + timedelta(days=1))

    assert standing.before(history, NOW)[1] == NOW


def test_records_tell_of_a_run_that_was_on_time(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(hours=2, minutes=29))

    found = from_records(configured(tmp_path), None, NOW)

    assert (found.http_status, found.body["status"]) == (200, "ok")
    assert found.body["next_run_at"] == "2024-03-07T09:30:00Z"


def test_records_tell_of_a_run_that_did_not_happen(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=1))

    found = from_records(configured(tmp_path), None, NOW)

    assert found.http_status == 503
    assert found.body["reason"] == "the run due at 2024-03-06T09:30:00Z has not begun"


def test_run_that_is_under_way_is_not_overdue(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=1))
    (history.folder / "20240306T093001.000Z-0000").mkdir()

    found = from_records(configured(tmp_path), None, NOW)

    assert (found.http_status, found.body["next_run_at"]) == (200, None)


def test_run_that_was_due_and_interrupted_is_still_due(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=1))
    keep(history, NOW - timedelta(hours=2), "interrupted", 143)

    found = from_records(configured(tmp_path), None, NOW)

    assert (found.http_status, found.body["status"]) == (503, "overdue")


def test_without_a_schedule_nothing_is_overdue(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=99), "degraded", 8)

    found = from_records(configured(tmp_path, ""), None, NOW)

    assert (found.http_status, found.body["status"]) == (200, "degraded")
