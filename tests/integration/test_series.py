"""What the gate says of an asset's bars as a series: spacing, time zone, holes, thin sessions."""

from datetime import date, datetime, timedelta

import pytest

from sentinel_lib.calendars import sessions

AS_OF = "2026-06-15T22:00:00Z"
HEADER = "timestamp,open,high,low,close,volume"
STAGES = ["ingest", "validate", "promote_silver", "build_gold"]


def minutes(first, count, step=1, zone="Z"):
    begin = datetime.fromisoformat(first)
    return [
        f"{(begin + timedelta(minutes=step * place)).isoformat()}{zone}" for place in range(count)
    ]


def days(first, last, calendar="XNYS"):
    found = sessions(calendar, date.fromisoformat(first), date.fromisoformat(last))
    return [str(session.date) for session in found]


def loaded(project, times, as_of=AS_OF, stages=STAGES[:2], **terms):
    """Judge bars of AAPL at these times, by the terms of the New York exchange and others."""
    own = {"calendar": "XNYS", "path": str(project.inbox), **terms}
    project.assets({"AAPL": own}, start="2026-06-10", source="files")
    rows = [f"{time},10,12,9,11,100" for time in times]
    (project.inbox / "AAPL.csv").write_text("\n".join([HEADER, *rows, ""]))
    outcome = project.run(as_of, stages=stages)
    checks = outcome.records["validate"].checks if "validate" in outcome.records else []
    return outcome, {check.name: check for check in checks if check.symbol == "AAPL"}


def reason(outcome):
    return outcome.ledger("AAPL").reason


def test_local_minutes_without_a_zone_are_refused_with_the_key_to_set(project):
    local = [*minutes("2026-06-11T09:30", 390, zone=""), *minutes("2026-06-12T09:30", 390, zone="")]

    outcome, _ = loaded(project, local, interval="1m")

    assert reason(outcome) == (
        "time_zone: observed 38% of its bars within the hours of XNYS as read in UTC, 100% if "
        "read in America/New_York, expected times in the zone that is set: write timezone: "
        "America/New_York"
    )
    assert outcome.ledger("AAPL").promoted == 0


def test_the_same_minutes_pass_once_the_key_is_set(project):
    local = minutes("2026-06-12T09:30", 390, zone="")
    loaded(project, local, interval="1m")

    outcome, checks = loaded(project, local, interval="1m", timezone="America/New_York")

    assert outcome.errors == {}
    assert outcome.ledger("AAPL").promoted == 390
    assert "time_zone" not in checks


@pytest.mark.thorough
def test_minutes_of_utc_that_are_said_to_be_local_are_refused_too(project):
    utc = minutes("2026-06-12T13:30", 390, zone="")

    outcome, _ = loaded(project, utc, interval="1m", timezone="America/New_York")

    assert "38% of its bars" in reason(outcome)
    assert "write timezone: UTC" in reason(outcome)


@pytest.mark.thorough
def test_local_minutes_that_seem_to_lie_ahead_are_refused_as_well(project):
    """Ten minutes after the close in Tokyo, as UTC all of them are still to come."""
    local = [*minutes("2026-06-12T09:00", 150, zone=""), *minutes("2026-06-12T12:30", 180, zone="")]

    outcome, _ = loaded(project, local, "2026-06-12T06:40:00Z", calendar="XTKS", interval="1m")

    assert outcome.ledger("AAPL").status == "blocked"
    assert "0% of its bars within the hours of XTKS as read in UTC, 100%" in reason(outcome)
    assert "write timezone: Asia/Tokyo" in reason(outcome)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "times",
    [
        minutes("2026-06-12T13:30", 390, zone=""),
        minutes("2026-06-12T08:00", 960, zone=""),
        minutes("2026-06-12T09:30", 390),
        minutes("2026-06-12T09:30", 19, zone=""),
    ],
)
def test_zone_is_only_doubted_where_another_one_fits(project, times):
    """In hours, with those before and after, with an offset of their own, and too few to tell."""
    outcome, checks = loaded(project, times, interval="1m")

    assert outcome.errors == {}
    assert "time_zone" not in checks


@pytest.mark.parametrize(
    ("times", "calendar", "name"),
    [
        (
            [f"{date(2020, 1, 3) + timedelta(days=7 * week)}" for week in range(300)],
            "XNYS",
            "weekly",
        ),
        (
            [f"{date(2020, 1, 3) + timedelta(days=7 * week)}" for week in range(300)],
            "24/7",
            "weekly",
        ),
        ([f"{date(2020 + m // 12, m % 12 + 1, 1)}" for m in range(60)], "XNYS", "monthly"),
        ([f"{date(2020 + q // 4, q % 4 * 3 + 1, 1)}" for q in range(20)], "XNYS", "quarterly"),
    ],
)
def test_series_of_longer_periods_are_refused_by_their_name(project, times, calendar, name):
    outcome, _ = loaded(project, times, calendar=calendar)

    assert reason(outcome) == (
        f"spacing: observed {name} bars, expected bars of the asset's interval 1d "
        "(intervals are 1m, 5m, 15m, 30m, 1h, 4h, 1d)"
    )


def test_weekly_file_given_as_input_is_refused_by_that_name(project):
    rows = [f"{date(2020, 1, 3) + timedelta(days=7 * week)},10,12,9,11,100" for week in range(300)]
    (project.inbox / "SERIES.csv").write_text("\n".join([HEADER, *rows, ""]))

    path = str(project.inbox / "SERIES.csv")
    outcome = project.run(AS_OF, input_path=path, stages=STAGES[:2])

    assert "spacing: observed weekly bars" in outcome.ledger("SERIES").reason


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("times", "interval", "words"),
    [
        (minutes("2026-06-12T00:00", 12, 120), "1h", "a bar every 2 hours"),
        (minutes("2026-06-12T00:00", 48, 30), "1h", "a bar every 30 minutes"),
        (days("2026-05-01", "2026-06-12", "24/7"), "1h", "daily bars"),
    ],
)
def test_intraday_bars_of_another_spacing_are_refused_by_it(project, times, interval, words):
    outcome, _ = loaded(project, times, calendar="24/7", interval=interval)

    assert reason(outcome).startswith(f"spacing: observed {words}, expected bars of the asset's")


@pytest.mark.thorough
def test_few_bars_among_published_ones_are_no_series_of_their_own(project):
    whole = days("2026-04-01", "2026-06-12")
    loaded(project, whole, stages=STAGES)
    fridays = ["2026-05-29", "2026-06-05", "2026-06-12"]

    outcome, checks = loaded(project, fridays, "2026-06-15T23:00:00Z")

    assert outcome.errors == {}
    assert "spacing" not in checks


def test_missing_session_is_named_in_the_batch(project):
    present = [day for day in days("2026-04-01", "2026-06-15") if day != "2026-06-12"]

    outcome, checks = loaded(project, present)

    check = checks["missing_sessions"]
    assert outcome.ledger("AAPL").status == "passed"
    assert (check.passed, check.blocks) == (False, False)
    assert check.observed == "1 missing: 2026-06-12"
    assert check.expected == "every session from 2026-04-01 to 2026-06-15"


def test_sessions_missing_since_the_last_published_one_are_named(project):
    loaded(project, days("2026-05-01", "2026-06-09"), "2026-06-10T00:00:00Z", STAGES)

    _, checks = loaded(project, ["2026-06-12", "2026-06-15"])

    assert checks["missing_sessions"].observed == "2 missing: 2026-06-10, 2026-06-11"


@pytest.mark.thorough
def test_what_silver_has_is_not_missing(project):
    loaded(project, days("2026-05-01", "2026-06-10"), "2026-06-11T00:00:00Z", STAGES)

    _, checks = loaded(project, ["2026-05-05", "2026-06-10", "2026-06-11"], "2026-06-12T00:00:00Z")

    assert "missing_sessions" not in checks


def test_session_with_few_of_its_bars_warns_with_the_numbers(project):
    thin = [*minutes("2026-06-11T13:30", 390), *minutes("2026-06-12T13:30", 40)]

    outcome, checks = loaded(project, thin, interval="1m")

    check = checks["min_session_coverage"]
    assert outcome.ledger("AAPL").status == "passed"
    assert (check.passed, check.blocks) == (False, False)
    assert check.observed == "1 of 2 sessions with fewer bars: 2026-06-12 40 of 390 bars"
    assert check.expected == "at least 50% of a session's bars"


def test_session_with_few_of_its_bars_blocks_where_the_suite_says_so(project):
    project.rules("silver", limits={"thin_sessions": "block", "min_session_coverage": 0.9})

    outcome, _ = loaded(project, minutes("2026-06-12T13:30", 350), interval="1m")

    assert "2026-06-12 350 of 390 bars" in reason(outcome)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("times", "as_of", "calendar"),
    [
        (minutes("2026-06-12T13:30", 40), "2026-06-12T14:10:00Z", "XNYS"),
        (minutes("2026-11-27T14:30", 210), "2026-11-28T00:00:00Z", "XNYS"),
        ([*minutes("2026-06-12T00:00", 150), *minutes("2026-06-12T03:30", 180)], AS_OF, "XTKS"),
    ],
)
def test_session_that_goes_on_a_half_day_and_a_lunch_break_are_whole(
    project, times, as_of, calendar
):
    project.rules("silver", limits={"min_session_coverage": 1.0})

    outcome, checks = loaded(project, times, as_of, interval="1m", calendar=calendar)

    assert outcome.errors == {}
    assert checks.get("min_session_coverage") is None or checks["min_session_coverage"].passed


@pytest.mark.thorough
def test_bars_of_earlier_runs_count_for_their_session(project):
    loaded(project, minutes("2026-06-12T13:30", 200), "2026-06-12T17:00:00Z", STAGES, interval="1m")

    _, checks = loaded(project, minutes("2026-06-12T16:50", 190), interval="1m")

    assert checks["min_session_coverage"].passed


@pytest.mark.thorough
@pytest.mark.parametrize(("count", "passes"), [(60, True), (40, False)])
def test_thin_asset_is_measured_by_its_own_sessions(project, count, passes):
    """A hundred of 390 minutes is what it always has."""
    history = [
        time
        for day in days("2026-06-01", "2026-06-11")
        for time in minutes(f"{day}T13:30", 100, zone="Z")
    ]
    _, before = loaded(project, history, "2026-06-12T00:00:00Z", STAGES, interval="1m")

    _, checks = loaded(project, minutes("2026-06-12T13:30", count), interval="1m")

    assert "9 of 9 sessions with fewer bars" in before["min_session_coverage"].observed
    assert checks["min_session_coverage"].passed == passes
    assert passes or "2026-06-12 40 of 100 bars" in checks["min_session_coverage"].observed


@pytest.mark.thorough
def test_extended_hours_are_measured_by_their_own_sessions_alone(project):
    terms = {"interval": "1m", "hours": "extended"}
    history = [
        time for day in days("2026-06-04", "2026-06-11") for time in minutes(f"{day}T08:00", 900)
    ]
    _, before = loaded(project, history, "2026-06-12T12:00:00Z", STAGES, **terms)

    _, checks = loaded(project, minutes("2026-06-12T08:00", 300), **terms)

    assert before["min_session_coverage"].passed
    assert "2026-06-12 300 of 900 bars" in checks["min_session_coverage"].observed
