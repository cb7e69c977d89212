from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunKind, RunRecord, RunStatus
from sentinel_lib.service.status import last_run, mark_served, read_health, read_status
from sentinel_lib.storage.lock import RunLock
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


def begin(history: RunHistory, at: datetime) -> str:
    """A run without an end."""
    run_id = f"{at:%Y%m%dT%H%M%S}.000Z-0000"
    history.write_request(RunRequest(run_id=run_id, as_of=at, command="python run_pipeline.py"))
    return run_id


def test_where_nothing_ever_ran_nothing_was_missed(history: RunHistory) -> None:
    assert last_run(history, NOW) == (None, NOW)


def test_last_run_settles_what_was_due_before_it_began(history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=2))
    keep(history, NOW - timedelta(days=1), "failed", 4)
    keep(history, NOW - timedelta(hours=1), kind="replay")

    last, settled = last_run(history, NOW)

    assert last is not None
    assert (last.status, last.exit_code) == ("failed", 4)
    assert settled == NOW - timedelta(days=1)


def test_interrupted_run_settles_nothing(history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=2))
    keep(history, NOW - timedelta(days=1), "interrupted", 143)

    last, settled = last_run(history, NOW)

    assert last is not None
    assert last.status == "interrupted"
    assert settled == NOW - timedelta(days=2)


def test_run_of_the_future_settles_what_was_due_until_now(history: RunHistory) -> None:
    keep(history, NOW + timedelta(days=1))

    assert last_run(history, NOW)[1] == NOW


def test_records_tell_of_a_run_that_was_on_time(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(hours=2, minutes=29))

    found = read_health(configured(tmp_path), None, NOW)

    assert (found.http_status, found.body["status"]) == (200, "ok")
    assert found.body["next_run_at"] == "2024-03-07T09:30:00Z"


def test_records_tell_of_a_run_that_did_not_happen(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=1))

    found = read_health(configured(tmp_path), None, NOW)

    assert found.http_status == 503
    assert found.body["reason"] == "the run due at 2024-03-06T09:30:00Z has not begun"


def test_run_that_is_under_way_is_not_overdue(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=1))
    begun = begin(history, NOW - timedelta(hours=2, minutes=29))
    lock = RunLock(tmp_path / "data", lambda: NOW)

    with lock.hold("python run_pipeline.py run"):
        lock.sign(begun)
        found = read_health(configured(tmp_path), None, NOW)

    assert (found.http_status, found.body["next_run_at"]) == (200, None)
    assert found.body["running_since"] == "2024-03-06T12:00:00Z"


def test_run_that_was_killed_is_still_due(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=1))
    killed = begin(history, NOW - timedelta(hours=2, minutes=29))

    found = read_health(configured(tmp_path), None, NOW)

    assert (found.http_status, found.body["status"]) == (503, "overdue")
    assert found.body["last_run"]["run_id"] == killed


def test_killed_run_is_unhealthy_without_a_schedule_too(
    tmp_path: Path, history: RunHistory
) -> None:
    killed = begin(history, NOW - timedelta(hours=1))

    found = read_health(configured(tmp_path, ""), None, NOW)

    assert (found.http_status, found.body["status"]) == (503, "killed")
    assert found.body["reason"] == f"run {killed} was killed: it has no end"
    assert found.body["last_run"]["exit_code"] is None


def test_run_that_was_due_and_interrupted_is_still_due(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=1))
    keep(history, NOW - timedelta(hours=2), "interrupted", 143)

    found = read_health(configured(tmp_path), None, NOW)

    assert (found.http_status, found.body["status"]) == (503, "overdue")


def test_without_a_schedule_nothing_is_overdue(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=99), "degraded", 8)

    found = read_health(configured(tmp_path, ""), None, NOW)

    assert (found.http_status, found.body["status"]) == (200, "degraded")


def test_status_gives_the_age_of_the_last_run_and_its_exit_code(
    tmp_path: Path, history: RunHistory
) -> None:
    keep(history, NOW - timedelta(days=15), "failed", 4)

    found = read_status(configured(tmp_path), None, NOW)

    assert (found.state, found.exit_code) == ("failed", 4)
    assert found.as_json()["age_seconds"] == 15 * 86_400 - 60
    assert found.text().startswith("the last run ended 14 d 23 h ago\n\nfailed, exit code 4")


@pytest.mark.parametrize(
    ("schedule", "was_served", "is_overdue"),
    [
        (SCHEDULE, False, False),
        (SCHEDULE, True, True),
        (SCHEDULE.replace("}", ", expected: true}"), False, True),
        (SCHEDULE.replace("}", ", expected: false}"), True, False),
        ("", True, False),
    ],
)
def test_run_that_has_not_begun_is_overdue_where_runs_are_expected(
    tmp_path: Path, history: RunHistory, schedule: str, was_served: bool, is_overdue: bool
) -> None:
    keep(history, NOW - timedelta(days=15))
    if was_served:
        mark_served(history.data, NOW - timedelta(days=20))

    found = read_status(configured(tmp_path, schedule), None, NOW)

    assert (found.state, found.exit_code) == (("overdue", 1) if is_overdue else ("ok", 0))
    assert found.as_json()["overdue_since"] == ("2024-02-21T09:30:00Z" if is_overdue else None)
    assert ("overdue: the run due at 2024-02-21T09:30:00Z" in found.text()) == is_overdue


def test_run_is_overdue_only_after_the_tolerance(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=1))
    mark_served(history.data, NOW)
    due = datetime(2024, 3, 6, 9, 30, tzinfo=UTC)
    config = configured(tmp_path)

    on_time = read_status(config, None, due + timedelta(minutes=2))
    late = read_status(config, None, due + timedelta(minutes=2, seconds=1))

    assert (on_time.state, late.state) == ("ok", "overdue")


def test_killed_run_is_the_last_one_until_another_ends(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=1))
    killed = begin(history, NOW - timedelta(hours=2))
    config = configured(tmp_path, "")

    found = read_status(config, None, NOW)
    keep(history, NOW - timedelta(hours=1))
    afterwards = read_status(config, None, NOW)

    assert (found.state, found.exit_code, found.as_json()["killed"]) == ("killed", 1, killed)
    assert found.text().startswith(f"killed: run {killed}, which began 2 h ago, has no end")
    assert f"next: python run_pipeline.py resume {killed}" in found.text()
    assert (afterwards.state, afterwards.exit_code) == ("ok", 0)


def test_run_that_goes_on_is_told_beside_the_last_one(tmp_path: Path, history: RunHistory) -> None:
    keep(history, NOW - timedelta(days=1), "degraded", 8)
    lock = RunLock(history.data, lambda: NOW - timedelta(minutes=5))

    with lock.hold("python run_pipeline.py run"):
        lock.sign(begin(history, NOW - timedelta(minutes=5)))
        found = read_status(configured(tmp_path, ""), None, NOW)

    assert (found.state, found.exit_code) == ("running", 8)
    assert found.text().startswith("running: run 20240306T115500.000Z-0000, pid ")


def test_status_before_any_run_says_what_to_do(tmp_path: Path) -> None:
    found = read_status(configured(tmp_path), None, NOW)

    assert (found.state, found.exit_code) == ("none", 0)
    assert found.text() == "no runs yet: python run_pipeline.py run"
