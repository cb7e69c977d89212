from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_lib.cleaning.typed_bars import typed_bars
from sentinel_lib.records.bar import number_of

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
        ("0.00000839856", Decimal("0.00000839856")),
        ("1.2508E-9", Decimal("0.0000000012508")),
        ("1e-18", Decimal("1e-18")),
        ("5e-19", Decimal("1e-18")),
        ("12345678901234567890123e-5", Decimal("123456789012345678.90123")),
        ("9" * 20 + "." + "9" * 18, Decimal("9" * 20 + "." + "9" * 18)),
    ],
)
def test_a_number_is_an_exact_decimal(typed, text, expected):
    bar = typed(close=text)

    assert bar["close"] == expected
    assert bar["unreadable"] is None


@pytest.mark.parametrize(
    "text", ["abc", "inf", "1,234", "1_000", "0x10", "1e999", "1" + "0" * 20, "1.5e20"]
)
def test_what_is_no_number_is_null_and_remembered_as_unreadable(typed, text):
    bar = typed(close=text)

    assert bar["close"] is None
    assert bar["unreadable"] == "close"


MANTISSAS = st.from_regex(r"[+-]?([0-9]{1,24}(\.[0-9]{0,24})?|\.[0-9]{1,24})", fullmatch=True)
NUMBERS = st.one_of(
    MANTISSAS,
    st.builds("{}{}{}".format, MANTISSAS, st.sampled_from("eE"), st.integers(-30, 25)),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(texts=st.lists(NUMBERS, min_size=60, max_size=180))
def test_any_number_is_read_as_the_model_of_a_bar_reads_it(engine, arrow_rows, texts):
    batch = engine.load(arrow_rows(*({"close": text, "volume": text} for text in texts)))

    rows = typed_bars(batch, ["iso"]).order_by("line").to_pyarrow().to_pylist()

    values = [as_the_model_reads(text) for text in texts]
    assert [(row["close"], row["volume"]) for row in rows] == [(value, value) for value in values]
    is_rounded = [
        value is not None and value != Decimal(text)
        for text, value in zip(texts, values, strict=True)
    ]
    assert [
        row["rounded"] is not None for row, value in zip(rows, values, strict=True) if value
    ] == [rounded for rounded, value in zip(is_rounded, values, strict=True) if value]


def as_the_model_reads(text):
    try:
        return number_of(text)
    except ValueError:
        return None


def test_each_value_with_more_decimals_than_are_kept_is_named_with_its_text(typed):
    row = {"close": " 0.1234567890123456789", "volume": "25e-19", "open": "0.1234567890123456780"}

    assert typed(**row)["rounded"] == " close=0.1234567890123456789 volume=25e-19"
    assert typed()["rounded"] is None


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
