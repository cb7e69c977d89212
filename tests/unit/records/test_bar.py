from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sentinel_lib.records.bar import (
    INTERVAL_SECONDS,
    INTERVALS,
    VALUE_COLUMNS,
    Bar,
)

RAW = {
    "symbol": "AAPL",
    "interval": "1d",
    "timestamp": "2024-01-31",
    "open": "10.00",
    "high": "12.50",
    "low": "9.75",
    "close": "11",
    "volume": "1200",
}


def test_bar_reads_raw_text() -> None:
    bar = Bar.model_validate(RAW)

    assert bar == Bar(
        symbol="AAPL",
        interval="1d",
        timestamp="2024-01-31",
        open=Decimal(10),
        high=Decimal("12.5"),
        low=Decimal("9.75"),
        close=Decimal(11),
        volume=Decimal(1200),
    )
    assert bar.timestamp == datetime(2024, 1, 31, tzinfo=UTC)
    assert bar.adj_close is None


def test_price_only_bar_has_a_close_and_nothing_else() -> None:
    raw = {"symbol": "EUR", "interval": "1d", "timestamp": "2024-01-31", "close": "1.08"}

    bar = Bar.model_validate(raw)

    assert {name: getattr(bar, name) for name in VALUE_COLUMNS if name != "close"} == {
        "open": None,
        "high": None,
        "low": None,
        "adj_close": None,
        "volume": None,
    }


@pytest.mark.parametrize("written", ["2024-01-31T23:00:00", "2024-01-31T23:00:00-05:00"])
def test_daily_bar_is_dated_by_its_session_at_midnight(written: str) -> None:
    context = {"timezone": "America/New_York"}

    bar = Bar.model_validate({**RAW, "timestamp": written}, context=context)

    assert bar.timestamp == datetime(2024, 1, 31, tzinfo=UTC)


def test_shorter_bar_begins_at_an_instant_in_utc() -> None:
    raw = {**RAW, "interval": "1h", "timestamp": "31.01.2024 23:00"}
    context = {"date_format": "%d.%m.%Y %H:%M", "timezone": "America/New_York"}

    bar = Bar.model_validate(raw, context=context)

    assert bar.timestamp == datetime(2024, 2, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("symbol", "", "at least 1 character"),
        ("interval", "2d", "'1m', '5m'"),
        ("timestamp", "soon", "'soon' is not an ISO 8601 date or time"),
        ("timestamp", None, "None is not an ISO 8601 date or time"),
        ("open", "x", "'x' is not a number"),
        ("high", "inf", "'inf' is not a number"),
        ("low", "1,5", "'1,5' is not a number"),
        ("close", "", "has no value"),
        ("close", "1e20", "more than 20 digits before the point"),
        ("volume", "many", "'many' is not a number"),
        ("volume", "-1", "-1 is negative"),
        ("adj_close", "x", "'x' is not a number"),
    ],
)
def test_bar_with_one_bad_field_is_refused_by_its_name(
    column: str, text: str | None, said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Bar.model_validate({**RAW, column: text})

    found = caught.value.errors()
    assert [detail["loc"] for detail in found] == [(column,)]
    assert said in found[0]["msg"]


@pytest.mark.parametrize("column", ["symbol", "interval", "timestamp", "close"])
def test_bar_without_a_field_that_it_needs_is_refused(column: str) -> None:
    raw = {key: text for key, text in RAW.items() if key != column}

    with pytest.raises(ValidationError, match=column):
        Bar.model_validate(raw)


def test_bar_names_every_field_that_is_wrong() -> None:
    with pytest.raises(ValidationError) as caught:
        Bar.model_validate({**RAW, "timestamp": "soon", "open": "x", "volume": "-1"})

    assert [detail["loc"][0] for detail in caught.value.errors()] == ["timestamp", "open", "volume"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"high": "9"}, "high 9 is below open 10"),
        ({"open": "9.75", "high": "9.70", "close": "9.75"}, "high 9.7 is below open"),
        ({"high": "10.5"}, "high 10.5 is below close 11"),
        ({"open": "", "close": "5", "high": "6", "low": "7"}, "high 6 is below low"),
        ({"low": "10.5"}, "low 10.5 is above open 10"),
        ({"open": "12", "low": "11.5"}, "low 11.5 is above close 11"),
    ],
)
def test_bar_whose_high_and_low_do_not_enclose_the_others_is_refused(
    changes: dict[str, str], said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Bar.model_validate({**RAW, **changes})

    assert said in caught.value.errors()[0]["msg"]


def test_bar_that_did_not_move_is_accepted() -> None:
    still = dict.fromkeys(("open", "high", "low", "close"), "10")

    assert Bar.model_validate({**RAW, **still, "volume": "0"}).volume == 0


def test_bar_does_not_change() -> None:
    bar = Bar.model_validate(RAW)

    with pytest.raises(ValidationError, match="frozen"):
        bar.close = Decimal(1)  # type: ignore[misc]


def test_every_interval_has_its_length_in_seconds() -> None:
    assert tuple(INTERVAL_SECONDS) == INTERVALS
    assert [INTERVAL_SECONDS[one] // 60 for one in INTERVALS] == [1, 5, 15, 30, 60, 240, 1440]


PRICES = st.decimals(Decimal("0.01"), 10**6, places=4)


@given(
    prices=st.lists(PRICES, min_size=4, max_size=4),
    volume=st.integers(0, 10**15),
    interval=st.sampled_from(INTERVALS),
    moment=st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_any_bar_survives_a_round_trip_through_text(
    prices: list[Decimal], volume: int, interval: str, moment: datetime
) -> None:
    low, opened, closed, high = sorted(prices)
    written = {"open": opened, "high": high, "low": low, "close": closed, "volume": volume}
    raw = {key: f"{number:f}" for key, number in written.items() if isinstance(number, Decimal)}

    bar = Bar.model_validate(
        {
            "symbol": "A",
            "interval": interval,
            "timestamp": moment.isoformat(),
            **raw,
            "volume": str(volume),
        }
    )

    assert Bar.model_validate_json(bar.model_dump_json()) == bar
    assert {key: getattr(bar, key) for key in written} == written
