"""Series that are not what their asset says, and series that only look like it."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from sentinel_lib.calendars import sessions
from sentinel_lib.stages.validate.spacing import spacing_of_days, spacing_of_times

FIRST, LAST = date(2020, 1, 1), date(2025, 12, 31)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def trading_days():
    return {
        name: [session.date for session in sessions(name, FIRST, LAST)]
        for name in ("XNYS", "24/7", "weekdays")
    }


def every(days, count, first=date(2020, 1, 3)):
    return [first + timedelta(days=days * place) for place in range(count)]


def ends_of_months(count, step=1):
    firsts = [date(2020 + month // 12, month % 12 + 1, 1) for month in range(1, count * step, step)]
    return [first - timedelta(days=1) for first in firsts]


@pytest.mark.parametrize("calendar", ["XNYS", "24/7", "weekdays"])
@pytest.mark.parametrize(
    ("days", "name"),
    [
        (every(7, 300), "weekly"),
        (every(7, 3), "weekly"),
        ([*every(7, 30), date(2020, 8, 4)], "weekly"),
        (ends_of_months(36), "monthly"),
        (ends_of_months(20, 3), "quarterly"),
        ([date(year, 1, 2) for year in range(2020, 2025)], "yearly"),
    ],
)
def test_days_of_longer_periods_are_called_by_their_name(trading_days, calendar, days, name):
    assert spacing_of_days(days, trading_days[calendar]) == name


def test_weeks_that_end_before_a_holiday_are_weeks(trading_days):
    """The last session of every week, which often is a Thursday."""
    weeks = {day.isocalendar()[:2]: day for day in trading_days["XNYS"]}

    assert spacing_of_days(list(weeks.values()), trading_days["XNYS"]) == "weekly"


def test_every_third_session_is_a_spacing_too(trading_days):
    days = trading_days["XNYS"]

    assert spacing_of_days(days[::3], days) == "every 3 sessions"
    assert spacing_of_days(days[:10:3], days) == ""


@pytest.mark.parametrize("kept", [0.05, 0.2, 0.5, 0.9, 1])
@pytest.mark.parametrize("calendar", ["XNYS", "24/7"])
def test_thin_and_gappy_daily_series_are_daily(trading_days, calendar, kept):
    chance = random.Random(7)
    days = [day for day in trading_days[calendar] if chance.random() < kept]

    assert spacing_of_days(days, trading_days[calendar]) == ""


@pytest.mark.parametrize(
    "days",
    [
        [],
        ["2024-01-02"],
        ["2024-01-02", "2024-01-09"],
        ["2024-01-02", "2024-01-04", "2024-01-08"],
        ["2024-01-05", "2024-01-08", "2024-01-12", "2024-01-16"],
        ["2024-03-28", "2024-04-01", "2024-04-05", "2024-04-12"],
    ],
)
def test_few_days_with_gaps_between_them_are_daily(trading_days, days):
    days = [date.fromisoformat(day) for day in days]

    assert spacing_of_days(days, trading_days["XNYS"]) == ""


def starts(step, count, days=1, first=datetime(2024, 1, 2, tzinfo=UTC)):
    """``count`` bars of each of some days."""
    moments = [
        first + timedelta(days=day) + step * place for day in range(days) for place in range(count)
    ]
    return [(moment.date(), moment) for moment in moments]


@pytest.mark.parametrize(
    ("times", "name"),
    [
        (starts(2 * HOUR, 12), "every 2 hours"),
        (starts(2 * HOUR, 4, days=3), "every 2 hours"),
        (starts(HOUR / 2, 20), "every 30 minutes"),
        (starts(timedelta(minutes=90), 8), "every 90 minutes"),
        (starts(HOUR, 1, days=10), "daily"),
        (starts(HOUR, 1, days=70)[::7], "weekly"),
        (starts(HOUR, 24, days=2), ""),
        (starts(2 * HOUR, 3), ""),
        (starts(HOUR, 1, days=3), ""),
    ],
)
def test_intraday_bars_that_are_not_an_interval_apart_are_called_by_their_spacing(
    trading_days, times, name
):
    assert spacing_of_times(times, HOUR, trading_days["24/7"]) == name


@pytest.mark.parametrize("kept", [0.002, 0.02, 0.2, 0.9])
def test_thin_minutes_are_minutes(trading_days, kept):
    chance = random.Random(11)
    times = [time for time in starts(timedelta(minutes=1), 1440, days=5) if chance.random() < kept]

    assert spacing_of_times(times, timedelta(minutes=1), trading_days["24/7"]) == ""
