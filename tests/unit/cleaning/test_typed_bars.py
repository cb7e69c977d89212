from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sentinel_lib.cleaning.typed_bars import typed_bars

FORMATS = ["iso", "epoch_s", "epoch_ms", "%m/%d/%Y"]


@pytest.fixture
def typed(load_rows):
    def read(**row):
        return typed_bars(load_rows(row), FORMATS).to_pyarrow().to_pylist()[0]

    return read


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"timestamp": "2024-01-02"}, datetime(2024, 1, 2, tzinfo=UTC)),
        ({"timestamp": " 2024-01-02\t"}, datetime(2024, 1, 2, tzinfo=UTC)),
        ({"timestamp": "2024-01-02T23:30:00-05:00"}, datetime(2024, 1, 2, tzinfo=UTC)),
        ({"timestamp": "01/02/2024", "date_format": "%m/%d/%Y"}, datetime(2024, 1, 2, tzinfo=UTC)),
        ({"timestamp": "1704153600", "date_format": "epoch_s"}, datetime(2024, 1, 2, tzinfo=UTC)),
        (
            {"timestamp": "1704153600123", "date_format": "epoch_ms"},
            datetime(2024, 1, 2, tzinfo=UTC),
        ),
    ],
)
def test_a_daily_bar_is_at_midnight_of_the_date_as_written(typed, row, expected):
    assert typed(**row)["timestamp"] == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"timestamp": "2024-01-02 10:00"}, datetime(2024, 1, 2, 10, tzinfo=UTC)),
        ({"timestamp": "2024-01-02T10:00:00Z"}, datetime(2024, 1, 2, 10, tzinfo=UTC)),
        ({"timestamp": "2024-01-02T10:00:00+05:30"}, datetime(2024, 1, 2, 4, 30, tzinfo=UTC)),
        ({"timestamp": "2024-01-02T10:00:00-05:00"}, datetime(2024, 1, 2, 15, tzinfo=UTC)),
        (
            {"timestamp": "2024-07-01 09:30", "timezone": "America/New_York"},
            datetime(2024, 7, 1, 13, 30, tzinfo=UTC),
        ),
    ],
)
def test_an_intraday_bar_is_at_its_instant_in_utc(typed, row, expected):
    assert typed(interval="1h", **row)["timestamp"] == expected


def test_an_intraday_bar_belongs_to_the_date_on_its_exchange(typed):
    bar = typed(
        interval="1h",
        timestamp="2024-01-03T02:00:00Z",
        calendar="XNYS",
        calendar_timezone="America/New_York",
    )

    assert bar["session"] == date(2024, 1, 2)


@pytest.mark.parametrize(
    "text",
    ["2024-02-30", "2024-13-01", "2024-1-2", "infinity", "epoch", "soon", "", None, "20240102"],
)
def test_what_is_no_iso_date_has_no_time(typed, text):
    assert typed(timestamp=text)["timestamp"] is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5", Decimal("1.5")),
        (" +2 ", Decimal(2)),
        ("1e2", Decimal(100)),
        (".5", Decimal("0.5")),
        ("0.123456789", Decimal("0.12345679")),
        ("999999999999.99999999", Decimal("999999999999.99999999")),
    ],
)
def test_a_number_is_an_exact_decimal(typed, text, expected):
    bar = typed(close=text)

    assert bar["close"] == expected
    assert bar["unreadable"] is None


@pytest.mark.parametrize(
    "text", ["abc", "inf", "1,234", "1_000", "0x10", "1e999", "10000000000000", "1.5e16"]
)
def test_what_is_no_number_is_null_and_remembered_as_unreadable(typed, text):
    bar = typed(close=text)

    assert bar["close"] is None
    assert bar["unreadable"] == "close"


@pytest.mark.parametrize("text", ["", "NaN", "null", "N/A", "-", ".", None])
def test_a_word_for_missing_is_null_and_readable(typed, text):
    bar = typed(close=text)

    assert bar["close"] is None
    assert bar["unreadable"] is None


def test_a_field_that_the_asset_does_not_declare_is_absent(typed):
    bar = typed(fields="close", open="garbage", close="3")

    assert bar["open"] is None
    assert bar["unreadable"] is None
    assert bar["close"] == Decimal(3)
