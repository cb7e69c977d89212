from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_lib.calendars import (
    Session,
    closed_sessions,
    last_known_day,
    open_sessions,
    session_shift,
    sessions,
    sessions_per_year,
    time_zone,
    trouble,
)
from sentinel_lib.errors import ConfigError


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def dates(found: list[Session]) -> list[str]:
    return [str(one.date) for one in found]


def test_exchange_is_closed_on_thanksgiving_and_on_the_weekend() -> None:
    found = sessions("XNYS", date(2026, 11, 25), date(2026, 11, 30))

    assert dates(found) == ["2026-11-25", "2026-11-27", "2026-11-30"]


def test_exchange_closes_early_on_the_day_after_thanksgiving() -> None:
    found = sessions("XNYS", date(2026, 11, 27), date(2026, 11, 27))

    assert list(found) == [
        Session(date(2026, 11, 27), at("2026-11-27T14:30:00"), at("2026-11-27T18:00:00"))
    ]


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        (date(2026, 3, 6), "2026-03-06T14:30:00", "2026-03-06T21:00:00"),
        (date(2026, 3, 9), "2026-03-09T13:30:00", "2026-03-09T20:00:00"),
        (date(2026, 10, 30), "2026-10-30T13:30:00", "2026-10-30T20:00:00"),
        (date(2026, 11, 2), "2026-11-02T14:30:00", "2026-11-02T21:00:00"),
    ],
)
def test_exchange_moves_with_daylight_saving_time(day: date, opens: str, closes: str) -> None:
    assert sessions("XNYS", day, day) == (Session(day, at(opens), at(closes)),)


def test_tokyo_closes_before_new_york_opens() -> None:
    found = sessions("XTKS", date(2026, 11, 20), date(2026, 11, 24))

    assert dates(found) == ["2026-11-20", "2026-11-24"]
    assert found[0].close_utc == at("2026-11-20T06:30:00")


def test_weekdays_leave_out_the_weekend_alone() -> None:
    found = sessions("weekdays", date(2026, 11, 26), date(2026, 11, 30))

    assert dates(found) == ["2026-11-26", "2026-11-27", "2026-11-30"]


def test_continuous_calendar_has_every_day_from_midnight_to_midnight() -> None:
    found = sessions("24/7", date(2024, 2, 28), date(2024, 3, 1))

    assert dates(found) == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert found[1] == Session(date(2024, 2, 29), at("2024-02-29"), at("2024-03-01"))


def test_sessions_of_one_day_include_both_ends() -> None:
    assert dates(sessions("weekdays", date(2026, 11, 30), date(2026, 11, 30))) == ["2026-11-30"]


@pytest.mark.parametrize(
    ("day", "opens", "closes", "hours"),
    [
        (date(2026, 3, 6), "2026-03-05T22:00:00", "2026-03-06T22:00:00", 24),
        (date(2026, 3, 9), "2026-03-08T21:00:00", "2026-03-09T21:00:00", 24),
        (date(2026, 10, 30), "2026-10-29T21:00:00", "2026-10-30T21:00:00", 24),
        (date(2026, 11, 2), "2026-11-01T22:00:00", "2026-11-02T22:00:00", 24),
        (date(1974, 1, 7), "1974-01-06T21:00:00", "1974-01-07T21:00:00", 24),
        (date(1942, 2, 9), "1942-02-08T22:00:00", "1942-02-09T21:00:00", 23),
    ],
)
def test_session_of_currencies_moves_with_daylight_saving_time(
    day: date, opens: str, closes: str, hours: int
) -> None:
    [session] = sessions("24/5", day, day)

    assert session == Session(day, at(opens), at(closes))
    assert session.bar_count(timedelta(hours=1)) == hours


@pytest.mark.parametrize(
    ("friday", "hours"), [(date(2026, 3, 6), 47), (date(2026, 6, 5), 48), (date(2026, 10, 30), 49)]
)
def test_clocks_change_in_the_closed_weekend_of_currencies(friday: date, hours: int) -> None:
    before, after = sessions("24/5", friday, friday + timedelta(days=3))

    assert after.open_utc - before.close_utc == timedelta(hours=hours)


def test_sessions_of_currencies_are_all_weekdays_over_the_end_of_a_year() -> None:
    found = sessions("24/5", date(2025, 12, 25), date(2026, 1, 5))

    assert dates(found) == [
        *("2025-12-25", "2025-12-26", "2025-12-29", "2025-12-30", "2025-12-31"),
        *("2026-01-01", "2026-01-02", "2026-01-05"),
    ]


@pytest.mark.parametrize(("year", "count"), [(2022, 260), (2023, 260), (2024, 262), (2026, 261)])
def test_year_of_currencies_has_every_weekday(year: int, count: int) -> None:
    assert len(sessions("24/5", date(year, 1, 1), date(year, 12, 31))) == count


def test_week_of_currencies_has_no_gap_between_sunday_and_friday_evening() -> None:
    week = sessions("24/5", date(2026, 6, 6), date(2026, 6, 14))

    assert [day.open_utc for day in week[1:]] == [day.close_utc for day in week[:-1]]
    assert (week[0].open_utc, week[-1].close_utc) == (
        at("2026-06-07T21:00:00"),
        at("2026-06-12T21:00:00"),
    )


def test_sunday_evening_of_currencies_is_in_the_session_of_monday() -> None:
    hour = timedelta(hours=1)
    assert dates(closed_sessions("24/5", date(2026, 6, 5), at("2026-06-07T23:00:00"))) == [
        "2026-06-05"
    ]
    [monday] = open_sessions("24/5", at("2026-06-07T20:00:00"), 1)

    assert monday.date == date(2026, 6, 8)
    assert monday.has_bar(at("2026-06-07T21:00:00"), hour)
    assert not monday.has_bar(at("2026-06-07T20:00:00"), hour)


@pytest.mark.parametrize("calendar", ["24/7", "24/5", "weekdays", "XNYS"])
def test_no_sessions_lie_between_a_day_and_an_earlier_one(calendar: str) -> None:
    assert sessions(calendar, date(2026, 11, 30), date(2026, 11, 29)) == ()


def test_sessions_cross_the_end_of_a_year() -> None:
    found = sessions("XNYS", date(2025, 12, 30), date(2026, 1, 5))

    assert dates(found) == ["2025-12-30", "2025-12-31", "2026-01-02", "2026-01-05"]


@pytest.mark.parametrize(
    ("calendar", "first", "last"),
    [
        ("XKRX", date(1950, 1, 1), date(1950, 12, 31)),
        ("XTKS", date(1996, 12, 1), date(1996, 12, 31)),
        ("XNYS", date(1, 1, 1), date(1, 2, 1)),
    ],
)
def test_sessions_before_the_data_of_a_calendar_are_absent(
    calendar: str, first: date, last: date
) -> None:
    assert sessions(calendar, first, last) == ()


def test_sessions_begin_where_the_data_of_a_calendar_begins() -> None:
    found = sessions("XTKS", date(1990, 1, 1), date(1997, 1, 7))

    assert dates(found) == ["1997-01-06", "1997-01-07"]


@pytest.mark.parametrize("year", [2051, 2060])
def test_sessions_end_where_the_data_of_a_calendar_ends(year: int) -> None:
    found = sessions("XKRX", date(2050, 12, 29), date(year, 2, 1))

    assert dates(found) == ["2050-12-29"]
    assert sessions("XKRX", date(2051, 1, 1), date(year, 2, 1)) == ()


def test_open_sessions_are_fewer_where_the_data_of_a_calendar_ends() -> None:
    assert dates(open_sessions("XKRX", at("2050-12-28T00:00:00"), 5)) == [
        "2050-12-28",
        "2050-12-29",
    ]
    assert open_sessions("XKRX", at("2050-12-31T00:00:00"), 1) == []


def test_trouble_begins_on_the_day_after_the_last_known_one() -> None:
    assert last_known_day("XKRX") == date(2050, 12, 31)
    assert trouble("XKRX", date(2050, 12, 31)) == ""
    assert trouble("XKRX", date(2051, 1, 1)) == (
        "calendar 'XKRX' knows no sessions after 2050-12-31; "
        "upgrade exchange_calendars, or give the asset another calendar"
    )


@pytest.mark.parametrize("calendar", ["24/7", "24/5", "weekdays", "XNYS"])
def test_calendar_without_an_end_is_never_in_trouble(calendar: str) -> None:
    assert last_known_day(calendar) is None
    assert trouble(calendar, date(2200, 1, 1)) == ""


@pytest.mark.parametrize("calendar", ["ASEX", "XBEL", "XBSE", "XCYS"])
def test_calendar_that_cannot_be_built_is_in_trouble_on_every_day(calendar: str) -> None:
    assert trouble(calendar, date(2026, 11, 2)) == (
        f"the installed exchange_calendars cannot build calendar '{calendar}'; "
        "upgrade exchange_calendars, or give the asset another calendar"
    )


def test_calendar_that_the_library_cannot_build_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        sessions("ASEX", date(2026, 11, 2), date(2026, 11, 6))

    assert str(caught.value) == (
        "the installed exchange_calendars cannot build calendar 'ASEX'\n"
        "  next: upgrade exchange_calendars, or give the asset another calendar"
    )


@pytest.mark.parametrize(
    ("as_of", "last"),
    [
        ("2026-11-25T20:59:59", "2026-11-24"),
        ("2026-11-25T21:00:00", "2026-11-25"),
        ("2026-11-26T23:00:00", "2026-11-25"),
        ("2026-11-27T17:59:59", "2026-11-25"),
        ("2026-11-27T18:00:00", "2026-11-27"),
        ("2026-11-29T12:00:00", "2026-11-27"),
    ],
)
def test_session_is_closed_from_the_instant_of_its_close(as_of: str, last: str) -> None:
    found = closed_sessions("XNYS", date(2026, 11, 16), at(as_of))

    assert dates(found)[0] == "2026-11-16"
    assert dates(found)[-1] == last


def test_session_dated_tomorrow_in_utc_can_be_closed_today() -> None:
    early_close_in_wellington = at("2026-12-23T23:45:00")

    found = closed_sessions("XNZE", date(2026, 12, 23), early_close_in_wellington)

    assert dates(found) == ["2026-12-23", "2026-12-24"]


def test_continuous_day_closes_at_the_next_midnight() -> None:
    first = date(2026, 11, 20)

    assert dates(closed_sessions("24/7", first, at("2026-11-21T23:59:59"))) == ["2026-11-20"]
    assert dates(closed_sessions("24/7", first, at("2026-11-22"))) == ["2026-11-20", "2026-11-21"]


def test_open_sessions_are_the_next_that_close() -> None:
    found = open_sessions("XNYS", at("2026-11-25T21:00:00"), 3)

    assert dates(found) == ["2026-11-27", "2026-11-30", "2026-12-01"]


def test_session_that_is_under_way_is_still_open() -> None:
    assert dates(open_sessions("XNYS", at("2026-11-25T20:59:59"), 1)) == ["2026-11-25"]


def test_open_sessions_reach_over_a_long_closure() -> None:
    found = open_sessions("XSHG", at("2026-09-30T12:00:00"), 2)

    assert dates(found) == ["2026-10-08", "2026-10-09"]


def test_open_sessions_ask_no_further_than_they_must() -> None:
    found = open_sessions("XKRX", at("2050-12-27T12:00:00"), 2)

    assert dates(found) == ["2050-12-28", "2050-12-29"]


@settings(deadline=None)  # the first year of an exchange takes a moment to build
@given(
    calendar=st.sampled_from(["24/7", "24/5", "weekdays", "XNYS"]),
    as_of=st.datetimes(datetime(2024, 1, 1), datetime(2026, 11, 30), timezones=st.just(UTC)),
    count=st.integers(1, 6),
)
def test_closed_and_open_sessions_are_all_sessions_in_order(
    calendar: str, as_of: datetime, count: int
) -> None:
    first = as_of.date() - timedelta(days=10)

    closed = closed_sessions(calendar, first, as_of)
    following = open_sessions(calendar, as_of, count)

    assert len(following) == count
    assert (*closed, *following) == sessions(calendar, first, following[-1].date)


@pytest.mark.parametrize(
    ("calendar", "zone"),
    [
        ("24/7", "UTC"),
        ("24/5", "America/New_York"),
        ("weekdays", "UTC"),
        ("XNYS", "America/New_York"),
        ("XTKS", "Asia/Tokyo"),
    ],
)
def test_calendar_has_the_time_zone_of_its_exchange(calendar: str, zone: str) -> None:
    assert time_zone(calendar) == zone


@pytest.mark.parametrize(
    ("calendar", "count"), [("24/7", 365), ("24/5", 260), ("weekdays", 252), ("XNYS", 252)]
)
def test_year_has_the_sessions_that_volatility_is_annualised_by(calendar: str, count: int) -> None:
    assert sessions_per_year(calendar) == count


@pytest.mark.parametrize("calendar", ["XNYS", "XTKS", "XHKG", "CMES", "24/7", "24/5"])
@pytest.mark.parametrize("minutes", [1, 5, 15, 30, 60, 240])
def test_bars_of_a_session_are_as_many_as_are_counted(calendar: str, minutes: int) -> None:
    length = timedelta(minutes=minutes)

    for session in sessions(calendar, date(2024, 11, 1), date(2024, 12, 31)):
        assert session.bar_count(length) == len(list(session.bar_starts(length)))


def test_half_days_and_lunch_breaks_have_fewer_bars() -> None:
    [half_day] = sessions("XNYS", date(2026, 11, 27), date(2026, 11, 27))
    [tokyo] = sessions("XTKS", date(2026, 11, 27), date(2026, 11, 27))

    assert half_day.bar_count(timedelta(minutes=1)) == 210
    assert tokyo.bar_count(timedelta(minutes=1)) == 150 + 180
    assert tokyo.bar_count(timedelta(hours=1)) == 7


@pytest.mark.parametrize(
    ("calendar", "hours"),
    [("XNYS", 0), ("XTKS", 0), ("24/7", 0), ("24/5", 7), ("CMES", 7), ("us_futures", 6)],
)
def test_sessions_that_open_on_the_evening_before_begin_earlier(calendar: str, hours: int) -> None:
    assert session_shift(calendar) == timedelta(hours=hours)
