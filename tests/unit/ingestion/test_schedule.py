from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sentinel_lib.ingestion.schedule import due_sessions, due_windows, final_starts, next_due
from sentinel_lib.records.payload import Window
from sentinel_lib.settings.assets import Asset

START = date(2026, 11, 23)
THANKSGIVING = date(2026, 11, 26)


def asset(symbol: str = "X", **terms: object) -> Asset:
    return Asset.model_validate(
        {"symbol": symbol, "source": "simulated", "options": {}, "calendar": "XNYS", **terms}
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2026-11-23T20:59:59", 0),
        ("2026-11-23T21:00:00", 1),
        ("2026-11-25T21:00:00", 3),
        ("2026-11-26T23:00:00", 3),
        ("2026-11-27T17:59:59", 3),
        ("2026-11-27T18:00:00", 4),
        ("2026-11-29T12:00:00", 4),
        ("2026-11-01T12:00:00", 0),
    ],
)
def test_a_session_is_due_from_its_own_close_on(as_of: str, expected: int) -> None:
    count = due_sessions(asset(), START, None, at(as_of))

    assert count == expected


def test_sessions_up_to_the_last_good_bar_are_not_due() -> None:
    count = due_sessions(asset(), START, at("2026-11-24"), at("2026-11-27T18:00:00"))

    assert count == 2


def test_the_grace_of_a_source_delays_what_is_due() -> None:
    slow = asset(options={"grace_minutes": 30})

    before = due_sessions(slow, START, None, at("2026-11-23T21:29:59"))
    after = due_sessions(slow, START, None, at("2026-11-23T21:30:00"))

    assert (before, after) == (0, 1)


@pytest.mark.parametrize(
    ("last_bar", "as_of", "expected"),
    [
        (None, "2026-11-23T15:29:59", 0),
        (None, "2026-11-23T15:30:00", 1),
        ("2026-11-23T15:00:00", "2026-11-23T16:59:59", 0),
        ("2026-11-23T15:00:00", "2026-11-23T17:00:00", 1),
        ("2026-11-23T19:30:00", "2026-11-23T20:59:59", 0),
        ("2026-11-23T19:30:00", "2026-11-23T21:00:00", 1),
        ("2026-11-23T20:00:00", "2026-11-24T15:29:59", 0),
        ("2026-11-23T20:30:00", "2026-11-24T15:29:59", 0),
        ("2026-11-23T20:00:00", "2026-11-25T22:00:00", 2),
    ],
)
def test_an_intraday_session_is_due_with_its_first_closed_interval(
    last_bar: str | None, as_of: str, expected: int
) -> None:
    hourly = asset(interval="1h")

    count = due_sessions(hourly, START, at(last_bar) if last_bar else None, at(as_of))

    assert count == expected


def test_a_window_begins_at_the_first_wanted_session_and_ends_at_as_of() -> None:
    as_of = at("2026-11-27T18:00:00")
    assets = {"NEW": asset("NEW"), "OLD": asset("OLD"), "DONE": asset("DONE")}
    last_bars = {"OLD": at("2026-11-25"), "DONE": at("2026-11-27")}

    windows = due_windows(assets, START, last_bars, as_of)

    assert windows == [
        Window("NEW", at("2026-11-23"), as_of),
        Window("OLD", at("2026-11-27"), as_of),
    ]


def test_an_intraday_window_begins_with_the_interval_after_the_last_bar() -> None:
    as_of = at("2026-11-23T18:00:00")
    assets = {"X": asset(interval="1h")}

    windows = due_windows(assets, START, {"X": at("2026-11-23T15:00:00")}, as_of)

    assert windows == [Window("X", at("2026-11-23T16:00:00"), as_of)]


def test_a_start_on_a_holiday_moves_to_the_next_session() -> None:
    windows = due_windows({"X": asset()}, THANKSGIVING, {}, at("2026-11-28"))

    assert [window.start for window in windows] == [at("2026-11-27")]


def test_a_paused_asset_has_no_window() -> None:
    paused = {
        "A": asset("A", paused_until="2026-12-01"),
        "B": asset("B", source="files", paused_until="2026-12-01"),
    }

    assert due_windows(paused, START, {}, at("2026-11-28")) == []


def test_files_have_a_window_whatever_is_due() -> None:
    as_of = at("2026-11-23T12:00:00")

    windows = due_windows({"X": asset(source="files")}, START, {"X": at("2026-11-20")}, as_of)

    assert windows == [Window("X", at("2026-11-21"), as_of)]


@pytest.mark.parametrize(
    ("calendar", "interval", "starts"),
    [
        ("XNYS", "1h", "14:30 15:30 16:30 17:30 18:30 19:30 20:30"),
        ("XNYS", "4h", "14:30 18:30"),
        ("XTKS", "1h", "00:00 01:00 02:00 03:00 04:00 05:00 06:00"),
        ("XTKS", "30m", "00:00 00:30 01:00 01:30 02:00 03:30 04:00 04:30 05:00 05:30 06:00"),
        ("24/7", "4h", "00:00 04:00 08:00 12:00 16:00 20:00"),
    ],
)
def test_bars_are_counted_from_the_opening_and_leave_out_the_break(
    calendar: str, interval: str, starts: str
) -> None:
    """Tokyo trades to 15:30 since November 2024, with a break from 11:30 to 12:30."""
    bars = asset(calendar=calendar, interval=interval)
    first_session = final_starts(bars, at("2026-11-24"), at("2026-11-25"))[0]

    assert [f"{start:%H:%M}" for start in first_session] == starts.split()


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2026-11-27T14:00:00", "2026-11-27T15:30:00"),
        ("2026-11-27T15:30:00", "2026-11-27T16:30:00"),
        ("2026-11-27T17:30:00", "2026-11-27T18:00:00"),
        ("2026-11-27T18:00:00", "2026-11-30T15:30:00"),
    ],
)
def test_the_next_hour_is_due_at_its_end_or_at_the_close(as_of: str, expected: str) -> None:
    assets = {"X": asset(interval="1h", source="files")}

    assert next_due(assets, START, {}, at(as_of)) == at(expected)
