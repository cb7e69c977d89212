from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from sentinel_lib.settings.assets import Limit, Limits


@pytest.mark.parametrize(
    ("limit", "duration"),
    [
        (Limit(count=90, period="minute"), timedelta(minutes=90)),
        (Limit(count=36, period="hour"), timedelta(hours=36)),
        (Limit(count=2, period="day"), timedelta(days=2)),
        (Limit(count=2, period="session"), None),
    ],
)
def test_limit_is_a_time_unless_it_counts_sessions(
    limit: Limit, duration: timedelta | None
) -> None:
    assert limit.duration == duration


def test_limits_default_to_one_session_late_and_two_stale() -> None:
    limits = Limits()

    assert limits.warn_after == Limit(count=1, period="session")
    assert limits.error_after == Limit(count=2, period="session")


def test_limits_refuse_a_warning_that_comes_after_the_error() -> None:
    with pytest.raises(ValidationError, match=r"warn_after \(3 session\) must not come later"):
        Limits(warn_after=Limit(count=3, period="session"))


def test_limits_in_different_periods_are_not_compared() -> None:
    limits = Limits(
        warn_after=Limit(count=90, period="minute"), error_after=Limit(count=2, period="hour")
    )

    assert limits.warn_after.count == 90
