"""Codes, times and numbers in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sentinel_lib.errors import ExitCode
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.reporting import wording


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (62.0, "1 min 2 s"),
        (3_600, "1 h"),
        (7_505, "2 h 5 min"),
        (273_600, "3 d 4 h"),
        (86_400 + 30, "1 d"),
        (-90, "-1 min 30 s"),
        (None, wording.ABSENT),
        ("soon", "soon"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: object, words: str) -> None:
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (datetime(2026, 11, 25, 22, 0, 1, tzinfo=UTC), "2026-11-25 22:00:01 UTC"),
        (datetime(2026, 11, 25, 22, 0, 1), "2026-11-25 22:00:01 UTC"),
        (
            datetime(2026, 11, 25, 22, tzinfo=timezone(timedelta(hours=-5))),
            "2026-11-26 03:00:00 UTC",
        ),
        ("2026-11-25T22:00:01Z", "2026-11-25 22:00:01 UTC"),
        ("never", "never"),
        (None, wording.ABSENT),
    ],
)
def test_a_moment_is_shown_in_utc(value: object, words: str) -> None:
    assert wording.moment(value) == words


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_has_a_meaning(code: ExitCode) -> None:
    assert wording.meaning(int(code)) == wording.MEANINGS[code]


def test_a_code_from_elsewhere_is_said_to_be_unknown() -> None:
    assert "does not know" in wording.meaning(99)


def test_thousands_stand_apart() -> None:
    assert wording.thousands(1_234_567) == "1,234,567"


@pytest.mark.parametrize(
    ("command", "again"),
    [
        ("python run_pipeline.py run --as-of 2024-01-03", "resume R"),
        (
            "python run_pipeline.py --data 'my data' run --reports=r",
            "resume R --data 'my data' --reports=r",
        ),
        ("not 'a command", "resume R"),
    ],
)
def test_resume_command_names_the_run_and_its_folders(
    ok_run: RunRecord, command: str, again: str
) -> None:
    run = ok_run.model_copy(update={"run_id": "R", "command": command})

    assert wording.resume_command(run) == f"python run_pipeline.py {again}"
