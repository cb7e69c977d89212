"""How the texts of a source become numbers and times."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel_lib.records.bar import (
    MISSING_WORDS,
    SCALE,
    number_of,
    timestamp_of,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", "1"),
        (" 1.5\t", "1.5"),
        ("+.5", "0.5"),
        ("-2.25", "-2.25"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1.2E-3", "0.0012"),
        ("1e-99", "0"),
        ("0.00000839856", "0.00000839856"),
        ("1.2508E-9", "0.0000000012508"),
        ("0.0000000000000000005", "0.000000000000000001"),
        ("-5e-19", "-0.000000000000000001"),
        ("4.9e-19", "0"),
        ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
        ("12345678901234567890123e-5", "123456789012345678.90123"),
        (7, "7"),
        (0.1, "0.1"),
    ],
)
def test_number_is_read_exactly_and_rounded_half_up_to_eighteen_places(
    text: object, number: str
) -> None:
    read = number_of(text)

    assert read == Decimal(number)
    assert read is not None
    assert read.as_tuple().exponent == -SCALE


@pytest.mark.parametrize("text", [*MISSING_WORDS, "NaN", "NULL", "  ", "N/A", None])
def test_number_that_says_missing_is_none(text: str | None) -> None:
    assert number_of(text) is None


@pytest.mark.parametrize(
    "text",
    ["x", "1,000", "1_000", "0x1F", "inf", "-Infinity", "1.2.3", "--1", "1e", "1e100", "$5", "١٢"],
)
def test_text_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        number_of(text)


@pytest.mark.parametrize(
    "text",
    ["100000000000000000000", "99999999999999999999.9999999999999999995", "1e99", "-1e20"],
)
def test_number_too_long_for_its_column_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="more than 20 digits before the point"):
        number_of(text)


@given(st.decimals(-(10**19), 10**19, allow_nan=False, allow_infinity=False, places=22))
def test_number_of_any_text_is_the_decimal_library_s_rounding(number: Decimal) -> None:
    expected = number.quantize(Decimal("1E-18"), ROUND_HALF_UP, Context(prec=60))

    assert number_of(f"{number:f}") == expected


@pytest.mark.parametrize(
    ("text", "date_format", "timezone", "written", "instant"),
    [
        ("2024-01-31", "iso", "UTC", "2024-01-31T00:00", "2024-01-31T00:00"),
        (" 2024-01-31\t", "iso", "UTC", "2024-01-31T00:00", "2024-01-31T00:00"),
        ("2024-01-31 14:30", "iso", "UTC", "2024-01-31T14:30", "2024-01-31T14:30"),
        ("2024-01-31T14:30:00Z", "iso", "Asia/Tokyo", "2024-01-31T14:30", "2024-01-31T14:30"),
        ("2024-01-31T14:30+05:30", "iso", "UTC", "2024-01-31T14:30", "2024-01-31T09:00"),
        ("2024-01-31", "iso", "America/New_York", "2024-01-31T00:00", "2024-01-31T05:00"),
        ("2024-07-31", "iso", "America/New_York", "2024-07-31T00:00", "2024-07-31T04:00"),
        ("2024-01-31T23:00", "iso", "America/New_York", "2024-01-31T23:00", "2024-02-01T04:00"),
        ("01/31/2024", "%m/%d/%Y", "UTC", "2024-01-31T00:00", "2024-01-31T00:00"),
        (
            "31.01.2024 16:00",
            "%d.%m.%Y %H:%M",
            "Asia/Tokyo",
            "2024-01-31T16:00",
            "2024-01-31T07:00",
        ),
        ("1706711400", "epoch_s", "Asia/Tokyo", "2024-01-31T14:30", "2024-01-31T14:30"),
        ("1706711400999", "epoch_ms", "UTC", "2024-01-31T14:30", "2024-01-31T14:30"),
        (1706711400, "epoch_s", "UTC", "2024-01-31T14:30", "2024-01-31T14:30"),
        ("31.01.2024 Z", "%d.%m.%Y Z", "Asia/Tokyo", "2024-01-31T00:00", "2024-01-31T00:00"),
        ("31.01.2024 UTC", "%d.%m.%Y %Z", "Asia/Tokyo", "2024-01-31T00:00", "2024-01-31T00:00"),
        ("31.01.2024 +0900", "%d.%m.%Y %z", "UTC", "2024-01-31T00:00", "2024-01-30T15:00"),
    ],
)
def test_time_is_read_as_written_and_as_an_instant(
    text: object, date_format: str, timezone: str, written: str, instant: str
) -> None:
    as_written, in_utc = timestamp_of(text, date_format, timezone)

    assert as_written.replace(tzinfo=None) == datetime.fromisoformat(written)
    assert in_utc == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "date_format"),
    [
        ("soon", "iso"),
        ("", "iso"),
        (None, "iso"),
        ("01/31/2024", "iso"),
        ("2024-02-30", "iso"),
        ("2024-01-31T24:00", "iso"),
        ("2024-01-31T14", "iso"),
        ("2024-1-31", "iso"),
        ("0024-01-31", "iso"),
        ("2024-01-31", "%m/%d/%Y"),
        ("31/01/2024", "%m/%d/%Y"),
        ("2024-01-31", "epoch_s"),
        ("-5", "epoch_s"),
        ("1.5e9", "epoch_s"),
        ("1.5.0", "epoch_s"),
        ("soon", "excel"),
        ("1e4", "excel"),
    ],
)
def test_text_that_is_no_time_is_refused(text: object, date_format: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        timestamp_of(text, date_format, "UTC")


@given(st.datetimes(datetime(1000, 1, 2), datetime(2999, 12, 30), timezones=st.just(UTC)))
def test_time_of_any_iso_text_is_the_instant_that_it_writes(moment: datetime) -> None:
    _, instant = timestamp_of(moment.isoformat(), "iso", "Asia/Tokyo")

    assert instant == moment
