"""The calendar ``24/5`` from the file to Gold: which session takes a bar around the weekend."""

from datetime import date, datetime, timedelta

import pytest

from sentinel_lib import read_table

HEADER = "timestamp,open,high,low,close,volume"


def loaded(project, times, as_of, **terms):
    """Load a bar at each time as EURUSD; their closes go 1, 2, 3 and so on."""
    own = {"calendar": "24/5", "path": str(project.inbox), **terms}
    project.assets({"EURUSD": own}, source="files")
    rows = [f"{time},{place},{place},{place},{place},10" for place, time in enumerate(times, 1)]
    (project.inbox / "EURUSD.csv").write_text("\n".join([HEADER, *rows, ""]))
    return project.run(as_of)


def days(first, last):
    """Every day but Saturdays, as a source writes them whose day is that of UTC."""
    count = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    every = [date.fromisoformat(first) + timedelta(days=place) for place in range(count)]
    return [day for day in every if day.strftime("%a") != "Sat"]


def stored(project, table, column):
    return sorted(str(moment)[:10] for moment in read_table(table, data=project.data)[column])


def missing_sessions(outcome):
    checks = outcome.records["validate"].checks
    return [check.observed for check in checks if check.name == "missing_sessions"]


def test_a_daily_bar_of_a_sunday_is_in_silver_and_in_no_session(project):
    every = days("2026-05-25", "2026-06-12")

    outcome = loaded(project, every, "2026-06-13T02:00:00Z")

    assert outcome.errors == {}
    assert outcome.records["validate"].quarantine == {}
    assert stored(project, "silver.bars", "timestamp") == [str(day) for day in every]
    weekdays = [str(day) for day in every if day.weekday() < 5]
    assert stored(project, "gold.daily", "session") == weekdays
    ledger = outcome.ledger("EURUSD", "build_gold")
    assert (ledger.rows_in, ledger.promoted, ledger.outside_hours) == (15, 15, 2)
    assert (ledger.status, missing_sessions(outcome)) == ("passed", [])


@pytest.mark.thorough
def test_a_published_sunday_hides_no_session_that_is_missing(project):
    before = loaded(project, days("2026-05-25", "2026-05-31"), "2026-06-01T02:00:00Z")

    after = loaded(project, days("2026-06-02", "2026-06-07"), "2026-06-08T02:00:00Z")

    assert before.errors == after.errors == {}
    assert missing_sessions(before) == []
    assert missing_sessions(after) == ["1 missing: 2026-06-01"]
    assert after.ledger("EURUSD", "build_gold").outside_hours == 1


@pytest.mark.thorough
@pytest.mark.parametrize("hours", ["regular", "extended"])
def test_sunday_evening_belongs_to_monday_and_the_closed_weekend_to_no_session(project, hours):
    """From Friday, 00:00 UTC, to Monday's close: New York's 17:00 is 21:00 UTC."""
    first = datetime.fromisoformat("2026-06-05T00:00:00+00:00")
    times = [(first + timedelta(hours=place)).isoformat() for place in range(4 * 24 - 3)]

    outcome = loaded(project, times, "2026-06-08T21:00:00Z", interval="1h", hours=hours)

    assert outcome.errors == {}
    assert outcome.records["validate"].quarantine == {}
    daily = read_table("gold.daily", data=project.data)
    found = [
        (str(day)[:10], count)
        for day, count in zip(daily["session"], daily["bar_count"], strict=True)
    ]
    assert sorted(found) == [("2026-06-05", 21), ("2026-06-08", 24)]
    assert outcome.ledger("EURUSD", "build_gold").outside_hours == 48
