from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sentinel_lib.records.stage import RunRecord, RunStatus
from sentinel_lib.service.health import LastRun, ServiceState, health_response

NOW = datetime(2024, 3, 6, 12, 0, tzinfo=UTC)


def ended(exit_code: int, status: RunStatus) -> LastRun:
    return LastRun("run-1", status, exit_code, NOW - timedelta(hours=1))


def test_service_before_its_first_run_is_well() -> None:
    found = health_response(ServiceState(next_run_at=NOW + timedelta(hours=1)), NOW)

    assert found.http_status == 200
    assert found.body == {
        "status": "ok",
        "reason": "no run yet",
        "last_run": None,
        "next_run_at": "2024-03-06T13:00:00Z",
        "running_since": None,
    }


@pytest.mark.parametrize(
    ("exit_code", "status", "said"),
    [
        (0, "ok", "ok"),
        (8, "degraded", "degraded"),
        (5, "degraded", "stale"),
        (143, "interrupted", "interrupted"),
    ],
)
def test_run_that_promoted_what_it_could_is_200_and_says_what_is_not_well(
    exit_code: int, status: RunStatus, said: str
) -> None:
    found = health_response(ServiceState(last_run=ended(exit_code, status)), NOW)

    assert (found.http_status, found.body["status"]) == (200, said)
    assert (found.body["reason"] == "") == (exit_code == 0)
    assert found.body["last_run"] == {
        "run_id": "run-1",
        "status": status,
        "exit_code": exit_code,
        "finished_at": "2024-03-06T11:00:00Z",
    }


@pytest.mark.parametrize("exit_code", [1, 2, 3, 4, 6, 7])
def test_run_that_failed_is_503_with_its_exit_code(exit_code: int) -> None:
    found = health_response(ServiceState(last_run=ended(exit_code, "failed")), NOW)

    assert (found.http_status, found.body["status"]) == (503, "failed")
    assert found.body["reason"] == f"run run-1 ended with exit code {exit_code}, see its report"


def test_run_without_a_record_is_503() -> None:
    found = health_response(ServiceState(last_run=LastRun("", "failed", 3, NOW)), NOW)

    assert found.http_status == 503
    assert found.body["reason"] == "the last run left no record: exit code 3, see the log"
    assert found.body["last_run"]["run_id"] is None


@pytest.mark.parametrize(("late_seconds", "http_status"), [(120, 200), (121, 503)])
def test_run_that_has_not_begun_in_time_is_overdue(late_seconds: int, http_status: int) -> None:
    due = NOW - timedelta(seconds=late_seconds)

    found = health_response(ServiceState(last_run=ended(0, "ok"), next_run_at=due), NOW)

    assert found.http_status == http_status
    is_overdue = found.body["reason"] == "the run due at 2024-03-06T11:57:59Z has not begun"
    assert is_overdue == (http_status == 503)


def test_run_that_takes_long_is_not_overdue() -> None:
    board = ServiceState(
        next_run_at=NOW - timedelta(hours=1), running_since=NOW - timedelta(hours=2)
    )

    found = health_response(board, NOW)

    assert found.http_status == 200
    assert found.body["running_since"] == "2024-03-06T10:00:00Z"


def test_recorded_run_is_told_of_by_id_and_end_alone() -> None:
    record = RunRecord(
        run_id="run-1",
        as_of=NOW,
        started_at_utc=NOW,
        finished_at_utc=NOW,
        status="failed",
        exit_code=4,
        command="run --input hunter2-canary",
        report="/secret/hunter2-canary/index.html",
    )

    found = health_response(ServiceState(last_run=LastRun.of(record)), NOW)

    assert "hunter2" not in str(found.body)
    assert found.http_status == 503
