from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_lib.freshness import freshness
from sentinel_lib.records.details import AssetFreshness
from sentinel_lib.settings.assets import Asset

START = date(2026, 11, 2)
GETTING_WORSE = ["fresh", "late", "stale"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def asset(calendar: str = "XNYS", *, grace_minutes: int = 0, **terms: Any) -> Asset:
    options = {"grace_minutes": grace_minutes}
    return Asset.model_validate(
        {"symbol": "SPY", "source": "simulated", "calendar": calendar, "options": options, **terms}
    )


def limits(warn: tuple[int, str], error: tuple[int, str]) -> dict[str, Any]:
    return {
        "warn_after": {"count": warn[0], "period": warn[1]},
        "error_after": {"count": error[0], "period": error[1]},
    }


def judged(one: Asset, last_bar: str | None, as_of: str) -> AssetFreshness:
    return freshness(one, at(last_bar) if last_bar else None, at(as_of), START)


def state(one: Asset, last_bar: str | None, as_of: str) -> tuple[str, int, datetime | None]:
    found = judged(one, last_bar, as_of)
    return found.status, found.sessions_behind, found.next_breach_at


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2026-11-20T21:00", ("fresh", 0, at("2026-11-23T21:00"))),
        ("2026-11-22T12:00", ("fresh", 0, at("2026-11-23T21:00"))),
        ("2026-11-23T20:59:59", ("fresh", 0, at("2026-11-23T21:00"))),
        ("2026-11-23T21:00", ("late", 1, at("2026-11-24T21:00"))),
        ("2026-11-24T20:59:59", ("late", 1, at("2026-11-24T21:00"))),
        ("2026-11-24T21:00", ("stale", 2, None)),
    ],
)
def test_friday_bar_ages_only_when_sessions_close(as_of: str, expected: Any) -> None:
    assert state(asset(), "2026-11-20", as_of) == expected


def test_wednesday_bar_is_fresh_on_thanksgiving_and_until_the_early_close() -> None:
    early_close = at("2026-11-27T18:00")

    assert state(asset(), "2026-11-25", "2026-11-26T23:00") == ("fresh", 0, early_close)
    assert state(asset(), "2026-11-25", "2026-11-27T17:59:59") == ("fresh", 0, early_close)
    assert state(asset(), "2026-11-25", "2026-11-27T18:00")[:2] == ("late", 1)


def test_grace_moves_every_limit_by_as_much() -> None:
    graced = asset(grace_minutes=90)

    assert state(graced, "2026-11-20", "2026-11-23T22:29:59") == (
        "fresh",
        0,
        at("2026-11-23T22:30"),
    )
    assert state(graced, "2026-11-20", "2026-11-23T22:30") == ("late", 1, at("2026-11-24T22:30"))


def test_bar_that_arrives_within_the_grace_breaches_with_the_session_after_it() -> None:
    found = judged(asset(grace_minutes=90), "2026-11-23", "2026-11-23T21:10")

    assert (found.status, found.next_breach_at) == ("fresh", at("2026-11-24T22:30"))


def test_around_the_clock_asset_is_late_at_midnight_after_the_next_day() -> None:
    around = asset("24/7")

    assert state(around, "2026-11-21", "2026-11-22T23:59:59") == ("fresh", 0, at("2026-11-23"))
    assert state(around, "2026-11-21", "2026-11-23") == ("late", 1, at("2026-11-24"))


@pytest.mark.parametrize(
    ("period", "before", "reached"),
    [
        ("minute", "2026-11-20T21:01:59", "2026-11-20T21:02"),
        ("hour", "2026-11-20T22:59:59", "2026-11-20T23:00"),
        ("day", "2026-11-22T20:59:59", "2026-11-22T21:00"),
    ],
)
def test_limit_in_time_counts_from_the_close_of_the_last_bar(
    period: str, before: str, reached: str
) -> None:
    timed = asset(freshness=limits((2, period), (100, "session")))

    assert state(timed, "2026-11-20", before) == ("fresh", 0, at(reached))
    assert state(timed, "2026-11-20", reached)[0] == "late"


def test_limit_in_time_is_extended_by_the_grace() -> None:
    timed = asset(grace_minutes=30, freshness=limits((2, "hour"), (3, "hour")))

    assert state(timed, "2026-11-20", "2026-11-20T23:29:59") == (
        "fresh",
        0,
        at("2026-11-20T23:30"),
    )
    assert state(timed, "2026-11-20", "2026-11-20T23:30") == ("late", 0, at("2026-11-21T00:30"))
    assert state(timed, "2026-11-20", "2026-11-21T00:30") == ("stale", 0, None)


def test_error_limit_that_comes_first_is_the_next_breach() -> None:
    mixed = asset(freshness=limits((10, "day"), (1, "session")))

    assert state(mixed, "2026-11-20", "2026-11-22") == ("fresh", 0, at("2026-11-23T21:00"))
    assert state(mixed, "2026-11-20", "2026-11-23T21:00") == ("stale", 1, None)


def test_intraday_bar_of_an_open_session_breaches_with_the_next_one() -> None:
    hourly = asset(interval="1h")

    assert state(hourly, "2026-11-23T15:00", "2026-11-23T17:00") == (
        "fresh",
        0,
        at("2026-11-24T21:00"),
    )
    assert state(hourly, "2026-11-23T15:00", "2026-11-23T23:00")[:2] == ("fresh", 0)
    assert state(hourly, "2026-11-23T15:00", "2026-11-24T21:00")[:2] == ("late", 1)


def test_intraday_limit_in_time_counts_from_the_end_of_the_interval() -> None:
    quarterly = asset("24/7", interval="15m", freshness=limits((30, "minute"), (60, "minute")))

    assert state(quarterly, "2026-11-23T12:00", "2026-11-23T12:44:59")[0] == "fresh"
    assert state(quarterly, "2026-11-23T12:00", "2026-11-23T12:45") == (
        "late",
        0,
        at("2026-11-23T13:15"),
    )
    assert state(quarterly, "2026-11-23T12:00", "2026-11-23T13:15")[0] == "stale"


def test_bar_of_the_evening_belongs_to_the_session_that_had_opened() -> None:
    hourly = asset(interval="1h")

    # 03:00 UTC on Tuesday is Monday evening in New York.
    assert state(hourly, "2026-11-24T03:00", "2026-11-24T12:00")[:2] == ("fresh", 0)


def test_asset_without_a_bar_is_unknown_and_counts_from_the_start() -> None:
    found = judged(asset(), None, "2026-11-04T12:00")

    assert (found.status, found.sessions_behind, found.next_breach_at) == ("unknown", 2, None)
    assert found.reason == "no good bar yet; 2 session(s) have closed since 2026-11-02"


def test_reason_says_how_many_sessions_are_missing_and_from_which_on() -> None:
    late = judged(asset(), "2026-11-20", "2026-11-24T22:00")
    fresh = judged(asset(), "2026-11-20", "2026-11-23T12:00")

    assert late.reason == "2 session(s) closed since the last bar, the first on 2026-11-23"
    assert fresh.reason == "no session has closed since the last bar"


@pytest.mark.parametrize("last_bar", [None, "2026-11-02", "2026-11-20"])
def test_paused_asset_says_until_when_and_why(last_bar: str | None) -> None:
    paused = asset(paused_until="2026-12-01", reason="delisting review")

    found = judged(paused, last_bar, "2026-11-23T12:00")

    assert (found.status, found.next_breach_at) == ("paused", None)
    assert found.reason == "paused until 2026-12-01: delisting review"


def test_pause_without_a_reason_ends_on_its_date() -> None:
    paused = asset(paused_until="2026-12-01")

    assert judged(paused, "2026-11-20", "2026-11-30T23:59:59").reason == "paused until 2026-12-01"
    assert judged(paused, "2026-11-20", "2026-12-01").status == "stale"


def test_json_has_the_names_of_dbt_and_times_in_utc() -> None:
    found = judged(asset(), "2026-11-20", "2026-11-23T22:00").model_dump(mode="json")

    assert json.loads(json.dumps(found)) == {
        "status": "late",
        "max_loaded_at": "2026-11-20T00:00:00Z",
        "snapshotted_at": "2026-11-23T22:00:00Z",
        "max_loaded_at_time_ago_in_s": 3 * 86_400 + 22 * 3_600,
        "sessions_behind": 1,
        "next_breach_at": "2026-11-24T21:00:00Z",
        "reason": "1 session(s) closed since the last bar, the first on 2026-11-23",
        "criteria": limits((1, "session"), (2, "session")),
    }


def test_json_of_an_asset_without_a_bar_has_nulls_where_nothing_is_known() -> None:
    found = judged(asset(), None, "2026-11-04T12:00").model_dump(mode="json")

    empty = {name for name, value in found.items() if value is None}
    assert empty == {"max_loaded_at", "max_loaded_at_time_ago_in_s", "next_breach_at"}


def test_the_same_arguments_give_the_same_state() -> None:
    first = judged(asset(), "2026-11-20", "2026-11-23T22:00")

    assert first == judged(asset(), "2026-11-20", "2026-11-23T22:00")


ASSETS = st.sampled_from(
    [
        asset("24/7"),
        asset("weekdays", grace_minutes=600),
        asset("XNYS"),
        asset("XNYS", grace_minutes=90, freshness=limits((2, "session"), (4, "session"))),
        asset("XNYS", freshness=limits((3, "day"), (2, "session"))),
        asset("24/7", interval="1h", freshness=limits((90, "minute"), (1, "day"))),
    ]
)
HOURS = st.integers(min_value=24, max_value=24 * 14)


@settings(deadline=None)
@given(one=ASSETS, earlier=HOURS, wait=HOURS)
def test_status_never_gets_better_while_no_bar_arrives(one: Asset, earlier: int, wait: int) -> None:
    bar = at("2026-11-20")

    before = freshness(one, bar, bar + timedelta(hours=earlier), START)
    after = freshness(one, bar, bar + timedelta(hours=earlier + wait), START)

    assert GETTING_WORSE.index(after.status) >= GETTING_WORSE.index(before.status)
    assert after.sessions_behind >= before.sessions_behind


@settings(deadline=None)
@given(one=ASSETS, hours=HOURS)
def test_status_gets_worse_at_the_next_breach_and_not_a_second_before(
    one: Asset, hours: int
) -> None:
    bar = at("2026-11-20")
    now = freshness(one, bar, bar + timedelta(hours=hours), START)
    breach = now.next_breach_at

    assert (breach is None) == (now.status == "stale")
    if breach is not None:
        just_before = freshness(one, bar, breach - timedelta(seconds=1), START)
        assert just_before.status == now.status
        assert freshness(one, bar, breach, START).status != now.status
