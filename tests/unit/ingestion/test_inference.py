"""What the bars of a symbol tell of it where nobody has configured it, and what they do not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sentinel_lib.ingestion import batch
from sentinel_lib.ingestion.inference import inferred_terms
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.sources import FilesOptions

MONDAY = date(2024, 6, 3)
NEW_YORK = ZoneInfo("America/New_York")


def every(days: Iterable[int], weeks: int = 8) -> list[date]:
    """The days of these weekdays, from Monday, 0, in some weeks."""
    return sorted(MONDAY + timedelta(7 * week + day) for week in range(weeks) for day in days)


def times(days: Iterable[date], first: time, count: int, step: timedelta) -> list[datetime]:
    starts = (datetime.combine(day, first) for day in days)
    return [start + at * step for start in starts for at in range(count)]


def terms_of(
    folder: Path,
    moments: Iterable[date | datetime | str],
    before: dict[str, Asset] | None = None,
    timezone: str | None = None,
) -> dict[str, object]:
    lines = "".join(f"{moment},1.5,2.5,1.5,2.5,7\n" for moment in moments)
    (folder / "A.csv").write_text("date,open,high,low,close,volume\n" + lines)
    options = FilesOptions(path=folder / "A.csv", timezone=timezone)
    parsed = batch.parse(batch.read_files(options))
    return inferred_terms(parsed, ["A"], before or {})["A"]


def asset(**terms: object) -> Asset:
    return Asset.model_validate({"symbol": "A", "source": "files", "options": {}, **terms})


@pytest.mark.parametrize(
    ("days", "calendar"),
    [
        (range(7), "24/7"),
        (range(5), "weekdays"),
        ((0, 1, 2, 3, 4, 6), "24/5"),
    ],
)
def test_the_week_tells_the_calendar(tmp_path: Path, days: Iterable[int], calendar: str) -> None:
    terms = terms_of(tmp_path, every(days))

    assert terms == {"fields": "ohlcv", "interval": "1d", "calendar": calendar}


def test_a_gap_in_the_file_does_not_change_the_week(tmp_path: Path) -> None:
    days = [*every(range(7), 2), *(day + timedelta(700) for day in every(range(7), 2))]

    assert terms_of(tmp_path, days)["calendar"] == "24/7"


def test_a_few_saturdays_among_many_weeks_are_not_a_week_of_their_own(tmp_path: Path) -> None:
    days = [*every(range(5), 30), MONDAY + timedelta(5)]

    assert terms_of(tmp_path, days)["calendar"] == "weekdays"


@pytest.mark.parametrize("days", [(6, 0, 1, 2, 3), (0, 1, 2, 3, 4, 5), (2, 5)])
def test_another_week_is_a_question(tmp_path: Path, days: Iterable[int]) -> None:
    terms = terms_of(tmp_path, every(days))

    assert "its week is none that is known" in str(terms["question"])


@pytest.mark.parametrize(
    ("minutes", "interval"),
    [(1, "1m"), (5, "5m"), (15, "15m"), (30, "30m"), (60, "1h"), (240, "4h")],
)
def test_the_spacing_tells_the_interval(tmp_path: Path, minutes: int, interval: str) -> None:
    moments = times(every(range(7), 2), time(0), 6, timedelta(minutes=minutes))

    assert terms_of(tmp_path, moments)["interval"] == interval


def test_bars_that_are_missing_do_not_make_the_interval_longer(tmp_path: Path) -> None:
    moments = times(every(range(7), 2), time(0), 30, timedelta(minutes=5))

    assert terms_of(tmp_path, [*moments[::4], moments[5]])["interval"] == "5m"


def test_a_newest_bar_of_this_moment_does_not_make_daily_bars_intraday(tmp_path: Path) -> None:
    days = [f"{day} 00:00:00" for day in every(range(5), 3)]

    assert terms_of(tmp_path, [*days, f"{days[-1][:10]} 16:00:02"])["interval"] == "1d"


def test_trades_are_a_question(tmp_path: Path) -> None:
    moments = times(every(range(5), 1), time(9, 30), 20, timedelta(seconds=7))

    assert "seconds apart" in str(terms_of(tmp_path, moments)["question"])


def test_hours_of_an_exchange_on_its_own_clocks_are_a_question(tmp_path: Path) -> None:
    moments = times(every(range(5)), time(9, 30), 13, timedelta(minutes=30))

    question = str(terms_of(tmp_path, moments)["question"])

    assert "timezone: America/New_York and calendar: XNYS" in question


@pytest.mark.parametrize("suffix", ["", "Z", "-04:00"])
def test_the_same_hours_in_utc_or_with_an_offset_are_no_question(
    tmp_path: Path, suffix: str
) -> None:
    local = times(every(range(5)), time(9, 30), 13, timedelta(minutes=30))
    in_utc = [moment.replace(tzinfo=NEW_YORK).astimezone(UTC) for moment in local]
    written = local if suffix == "-04:00" else in_utc
    moments = [f"{moment:%Y-%m-%dT%H:%M:%S}{suffix}" for moment in written]

    assert "question" not in terms_of(tmp_path, moments)


def test_a_time_zone_that_is_said_is_no_question(tmp_path: Path) -> None:
    moments = times(every(range(5)), time(9, 30), 13, timedelta(minutes=30))

    assert "question" not in terms_of(tmp_path, moments, timezone="UTC")


def week_of_currencies(zone: ZoneInfo) -> list[datetime]:
    """Hours from Sunday, 17:00 in New York, to Friday, 17:00, as clocks in a zone show them."""
    sundays = (datetime.combine(day, time(17), NEW_YORK) for day in every([6], 3))
    moments = (
        (sunday.astimezone(UTC) + timedelta(hours=hour)).astimezone(zone)
        for sunday in sundays
        for hour in range(120)
    )
    return [moment.replace(tzinfo=None) for moment in moments]


def test_a_week_from_sunday_evening_is_that_of_currencies(tmp_path: Path) -> None:
    terms = terms_of(tmp_path, week_of_currencies(ZoneInfo("UTC")))

    assert terms == {"fields": "ohlcv", "interval": "1h", "calendar": "24/5"}


def test_the_week_of_currencies_on_clocks_of_new_york_is_a_question(tmp_path: Path) -> None:
    terms = terms_of(tmp_path, week_of_currencies(NEW_YORK))

    assert "timezone: America/New_York and calendar: 24/5" in str(terms["question"])


@pytest.mark.parametrize(
    ("row", "fields"),
    [("1,2,1,2,7", "ohlcv"), ("1,2,1,2,-", "ohlc"), (",,,2,7", "close"), (",,,2,", "close")],
)
def test_fields_are_those_that_have_values(tmp_path: Path, row: str, fields: str) -> None:
    (tmp_path / "A.csv").write_text(f"date,open,high,low,close,volume\n2024-06-03,{row}\n")
    parsed = batch.parse(batch.read_files(FilesOptions(path=tmp_path)))

    assert inferred_terms(parsed, ["A"], {})["A"]["fields"] == fields


def test_what_was_known_before_stands_where_few_bars_tell_nothing(tmp_path: Path) -> None:
    before = {"A": asset(interval="1h", calendar="24/7", fields="ohlcv")}

    terms = terms_of(tmp_path, ["2024-06-03 05:00"], before)

    assert terms == {"fields": "ohlcv", "interval": "1h", "calendar": "24/7"}


def test_a_week_that_shows_more_replaces_what_was_known_before(tmp_path: Path) -> None:
    terms = terms_of(tmp_path, every(range(7)), {"A": asset(calendar="weekdays")})

    assert terms["calendar"] == "24/7"


def test_a_symbol_whose_times_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text("date,close\n2024-99-99,1\n")
    parsed = batch.parse(batch.read_files(FilesOptions(path=tmp_path)))

    assert inferred_terms(parsed, ["A"], {}) == {}
