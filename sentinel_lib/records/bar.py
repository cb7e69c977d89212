"""The bar: the one definition of what a row of market data is."""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

Interval = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d"]
Fields = Literal["ohlcv", "ohlc", "close"]
Prices = Literal["positive", "any"]

ONE_DAY: Interval = "1d"
INTERVALS: tuple[str, ...] = get_args(Interval)
INTERVAL_SECONDS = dict(zip(INTERVALS, (60, 300, 900, 1_800, 3_600, 14_400, 86_400), strict=True))

VALUE_COLUMNS = ("open", "high", "low", "close", "adj_close", "volume")
DECLARED_COLUMNS: dict[str, tuple[str, ...]] = {
    "ohlcv": ("open", "high", "low", "close", "volume"),
    "ohlc": ("open", "high", "low", "close"),
    "close": ("close",),
}

SCALE = 18
"""Decimal places that prices and volumes keep; further ones are rounded half up, away from zero."""
DIGITS = 38
WHOLE_DIGITS = DIGITS - SCALE
"""Digits that prices and volumes may have before the point."""

MISSING_WORDS = ("", "nan", "null", "none", "n/a", "n.a.", "na", "#n/a", "-", "--", "\u2014", ".")
"""What sources write where there is no value, in lower case."""

NUMBER_PATTERN = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
TIMESTAMP_PATTERN = (
    r"^([12][0-9]{3}-[0-9]{2}-[0-9]{2})"
    r"([T ](([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?))?"
    r"((Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))?$"
)
EPOCH_PATTERN = r"^[0-9]{1,19}(\.[0-9]*)?$"
EXCEL_PATTERN = r"^[0-9]{1,6}(\.[0-9]{1,12})?$"

ISO_8601 = "iso"
EXCEL = "excel"
"""Days since ``EXCEL_START``, and a fraction of a day: a date as a cell of Excel holds it."""
EXCEL_START = datetime(1899, 12, 30)
EPOCH_UNITS = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
"""``date_format`` values other than a strptime pattern, with the units in one second."""

LAST_EPOCH_SECOND = 32_503_679_999
"""The end of the year 2999: like ``TIMESTAMP_PATTERN``, which knows the years 1000 to 2999."""
FIRST_YEAR, LAST_YEAR = 1000, 2999

WHITESPACE = " \t"

_ROOMY = Context(prec=200)


def number_of(text: object) -> Decimal | None:
    """The decimal that ``text`` writes, rounded to ``SCALE`` places; None where it is missing."""
    if text is None or isinstance(text, Decimal):
        return text
    written = str(text).strip(WHITESPACE)
    if written.lower() in MISSING_WORDS:
        return None
    if not re.fullmatch(NUMBER_PATTERN, written):  # ``match`` and ``$`` let a line end pass
        raise ValueError(f"{text!r} is not a number")
    number = Decimal(written)
    limit = Decimal(1).scaleb(WHOLE_DIGITS)
    # ``abs`` would round to the 28 digits of the default context.
    if number.copy_abs() < limit:
        number = number.quantize(Decimal(1).scaleb(-SCALE), ROUND_HALF_UP, _ROOMY)
    if number.copy_abs() >= limit:
        raise ValueError(f"{text!r} has more than {WHOLE_DIGITS} digits before the point")
    return number


def timestamp_of(text: object, date_format: str, timezone: str) -> tuple[datetime, datetime]:
    """The time that ``text`` writes: as written, with its offset if it has one, and in UTC.

    A text without an offset is in ``timezone``.
    """
    written = str(text).strip(WHITESPACE)
    if date_format in EPOCH_UNITS:
        if not re.fullmatch(EPOCH_PATTERN, written):
            raise ValueError(f"{text!r} is not a number of {date_format}")
        seconds = int(written.split(".")[0]) // EPOCH_UNITS[date_format]
        if seconds > LAST_EPOCH_SECOND:
            raise ValueError(f"{text!r} is later than the year 2999")
        instant = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
        return instant, instant
    if date_format == ISO_8601 and not re.fullmatch(TIMESTAMP_PATTERN, written):
        raise ValueError(
            f"{text!r} is not an ISO 8601 date or time, such as 2024-01-31 or 2024-01-31T14:30:00Z"
        )
    moment = _moment_of(written, date_format)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"{text!r} is not in the years {FIRST_YEAR} to {LAST_YEAR}")
    if is_in_utc(date_format):
        moment = moment.replace(tzinfo=UTC)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))
    return moment, aware.astimezone(UTC)


def is_in_utc(date_format: str) -> bool:
    """Whether every time of this format is in UTC: epochs, and patterns that end by saying so."""
    return date_format in EPOCH_UNITS or date_format.endswith(("Z", "UTC", "GMT"))


def _moment_of(written: str, date_format: str) -> datetime:
    try:
        if date_format == ISO_8601:
            return datetime.fromisoformat(written)
        if date_format == EXCEL:
            return _of_serial(written)
        return datetime.strptime(written, date_format)
    except ValueError as wrong:
        raise ValueError(f"{written!r} is not a date: {wrong}") from None


def _of_serial(written: str) -> datetime:
    if not re.fullmatch(EXCEL_PATTERN, written):
        raise ValueError("not a number of days")
    seconds = (Decimal(written) * 86_400).to_integral_value(ROUND_HALF_UP)
    return EXCEL_START + timedelta(seconds=int(seconds))


def _present_price(text: object) -> Decimal:
    price = number_of(text)
    if price is None:
        raise ValueError("has no value")
    return price


def _volume(text: object) -> Decimal | None:
    volume = number_of(text)
    if volume is not None and volume < 0:
        raise ValueError(f"{text} is negative")
    return volume


Price = Annotated[Decimal, BeforeValidator(_present_price)]
OptionalPrice = Annotated[Decimal | None, BeforeValidator(number_of)]
OptionalVolume = Annotated[Decimal | None, BeforeValidator(_volume)]


class Bar(BaseModel, frozen=True):
    """One asset's trading over one interval.

    Prices are in the asset's quote currency, volume in its own units. ``timestamp`` is the start
    of the interval, UTC; a daily bar's is its session date at 00:00. Absent fields are None: an
    index has no volume, a price-only series a close and nothing else.

    ``model_validate(row, context={"date_format": ..., "timezone": ...})`` reads raw text; it raises
    ``pydantic.ValidationError`` naming every field that is wrong. A daily time is the date that it
    writes, but for one with the offset zero that is not a date label (``is_label`` False): that is
    an instant, and belongs to the day that clocks in ``calendar_timezone`` show then, or
    ``session_shift_seconds`` later where its exchange opens on the evening before.
    """

    symbol: Annotated[str, Field(min_length=1)]
    interval: Interval
    timestamp: datetime
    open: OptionalPrice = None
    high: OptionalPrice = None
    low: OptionalPrice = None
    close: Price
    volume: OptionalVolume = None
    adj_close: OptionalPrice = None

    @field_validator("timestamp", mode="before")
    @classmethod
    def _read_timestamp(cls, text: object, info: ValidationInfo) -> datetime:
        context = info.context or {}
        written, instant = timestamp_of(
            text, context.get("date_format", ISO_8601), context.get("timezone", "UTC")
        )
        if info.data.get("interval") == ONE_DAY:
            is_utc = written.tzinfo is not None and not written.utcoffset()
            if is_utc and not context.get("is_label", True):
                local = instant.astimezone(ZoneInfo(context.get("calendar_timezone", "UTC")))
                shift = timedelta(seconds=context.get("session_shift_seconds", 0))
                written = local.replace(tzinfo=None) + shift
            return datetime(written.year, written.month, written.day, tzinfo=UTC)
        return instant

    @model_validator(mode="after")
    def _high_and_low_enclose_the_others(self) -> Self:
        for column in ("open", "low", "close"):
            value: Decimal | None = getattr(self, column)
            if self.high is not None and value is not None and self.high < value:
                raise ValueError(
                    f"high {plain_number(self.high)} is below {column} {plain_number(value)}"
                )
        for column in ("open", "close"):
            value = getattr(self, column)
            if self.low is not None and value is not None and self.low > value:
                raise ValueError(
                    f"low {plain_number(self.low)} is above {column} {plain_number(value)}"
                )
        return self


def plain_number(number: Decimal) -> str:
    """``1.5``, not ``1.500000000000000000``."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
