from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import pytest

from sentinel_lib.settings.schedule import Schedule

NEW_YORK, BERLIN, LORD_HOWE = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(cron: str, zone: str, after: str, count: int) -> list[str]:
    """The first ``count`` times, UTC, without the year."""
    schedule = Schedule(cron=cron, timezone=zone)
    return [f"{due:%m-%dT%H:%M}" for due in islice(schedule.times_after(moment(after)), count)]


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 9 * * 0", ["03-03", "03-10"]),  # Sundays
        ("0 9 * * 7", ["03-03", "03-10"]),
        ("0 9 * * 1", ["03-04", "03-11"]),
        ("0 9 * * 5-7", ["03-01", "03-02", "03-03", "03-08"]),
        ("0 9 * * */3", ["03-02", "03-03", "03-06", "03-09"]),
        ("0 9 5 * 6", ["03-02", "03-05", "03-09"]),  # the 5th, and every Saturday
        ("0 9 */2 * 6", ["03-09", "03-23"]),  # Saturdays on odd days
        ("0 9 * * 1-5/2,SAT", ["03-01", "03-02", "03-04", "03-06", "03-08", "03-09"]),
        ("0 9 * * sun-tue", ["03-03", "03-04", "03-05", "03-10"]),
        ("0 9 1,31 jan-mar/2,dec *", ["03-01", "03-31", "12-01", "12-31"]),
        ("0 9 L * *", ["03-31", "04-30"]),  # the last of the month
        ("0 9 * * 5#2", ["03-08", "04-12"]),  # the second Friday
    ],
)
def test_days_are_those_of_cron(cron: str, days: list[str]) -> None:
    found = times(cron, "UTC", "2024-03-01", len(days))

    assert found == [f"{day}T09:00" for day in days]


def test_time_of_day_follows_the_clocks_of_its_zone() -> None:
    found = times("30 17 * * 1-5", NEW_YORK, "2024-03-07T23:00", 3)

    assert found == ["03-08T22:30", "03-11T21:30", "03-12T21:30"]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "found"),
    [
        ("30 2 * * *", NEW_YORK, "2024-03-09", ["03-09T07:30", "03-10T07:00", "03-11T06:30"]),
        ("30 2 * * *", BERLIN, "2024-03-30", ["03-30T01:30", "03-31T01:00", "04-01T00:30"]),
        ("0,30 2,3 * * 0", NEW_YORK, "2024-03-09", ["03-10T07:00", "03-10T07:30", "03-17T06:00"]),
        ("10,35 2 * * *", LORD_HOWE, "2024-10-05T15:00", ["10-05T15:30", "10-05T15:35"]),
    ],
)
def test_time_that_the_clocks_skip_is_due_once_right_after(
    cron: str, zone: str, after: str, found: list[str]
) -> None:
    assert times(cron, zone, after, len(found)) == found


def test_time_that_the_clocks_skipped_is_not_due_again_later_that_night() -> None:
    three_o_clock = "2024-03-10T07:00"

    assert times("30 2 * * *", NEW_YORK, three_o_clock, 1) == ["03-11T06:30"]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "found"),
    [
        ("30 1 * * *", NEW_YORK, "2024-11-02", ["11-02T05:30", "11-03T05:30", "11-04T06:30"]),
        ("30 2 * * *", BERLIN, "2024-10-26", ["10-26T00:30", "10-27T00:30", "10-28T01:30"]),
        ("0 1,2 * * *", NEW_YORK, "2024-11-03", ["11-03T05:00", "11-03T07:00", "11-04T06:00"]),
        ("45 1 * * *", LORD_HOWE, "2024-04-05", ["04-05T14:45", "04-06T14:45", "04-07T15:15"]),
        ("15 0-23 * * *", NEW_YORK, "2024-11-03T05:00", ["11-03T05:15", "11-03T07:15"]),
    ],
)
def test_time_that_the_clocks_show_twice_is_due_the_first_time(
    cron: str, zone: str, after: str, found: list[str]
) -> None:
    assert times(cron, zone, after, len(found)) == found


@pytest.mark.parametrize(
    "second_time", ["2024-11-03T05:31", "2024-11-03T06:00", "2024-11-03T06:30"]
)
def test_time_that_was_shown_once_is_not_due_again_whenever_that_is_asked(second_time: str) -> None:
    assert times("30 1 * * *", NEW_YORK, second_time, 1) == ["11-04T06:30"]


@pytest.mark.parametrize("night", ["2024-03-10T00:00", "2024-11-03T00:00"])
@pytest.mark.parametrize("zone", [NEW_YORK, "UTC"])
def test_schedule_of_every_hour_is_due_every_hour_that_passes(zone: str, night: str) -> None:
    begin = moment(night)
    schedule = Schedule(cron="*/15 * * * *", timezone=zone)

    found = list(islice(schedule.times_after(begin), 48))

    assert found == [begin + timedelta(minutes=15 * number) for number in range(1, 49)]


@pytest.mark.parametrize(
    ("night", "due"),
    [
        ("2024-03-09T18:00", ["03-11T06:00", "03-11T06:30"]),  # 02:00 is skipped, and comes again
        ("2024-11-02T18:00", ["11-03T07:00", "11-03T07:30"]),
    ],
)
def test_minutes_that_begin_with_a_star_are_due_only_where_the_clocks_show_them(
    night: str, due: list[str]
) -> None:
    assert times("*/30 2 * * *", NEW_YORK, night, 2) == due


def test_every_minute_of_a_night_comes_once_and_in_order() -> None:
    begin, end = moment("2024-03-10T06:00"), moment("2024-03-10T08:00")
    schedule = Schedule(cron="* * * * *", timezone=NEW_YORK)

    found = list(takewhile(lambda due: due <= end, schedule.times_after(begin)))

    assert found == [begin + timedelta(minutes=number) for number in range(1, 121)]


def test_moment_of_a_time_is_after_it() -> None:
    assert times("30 17 * * *", "UTC", "2024-01-01T17:30", 1) == ["01-02T17:30"]


def test_rare_time_is_found_years_ahead() -> None:
    schedule = Schedule(cron="0 0 29 2 *", timezone=NEW_YORK)

    found = next(schedule.times_after(moment("2024-03-01T00:00")))

    assert found == moment("2028-02-29T05:00")


def test_moment_is_shown_on_the_clocks_of_the_schedule() -> None:
    schedule = Schedule(cron="0 0 * * *", timezone=NEW_YORK)

    assert schedule.local(moment("2024-03-11T21:30")) == "2024-03-11 17:30 EDT"
