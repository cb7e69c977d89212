"""The base of every configuration model, and the types that YAML has no word for."""

import hashlib
import re
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator

from sentinel_lib.errors import nearest


class ConfigModel(BaseModel, extra="forbid", frozen=True, strict=True, allow_inf_nan=False):
    """Unknown keys are errors, a value has the type it is declared with, and nothing changes later.

    Strict, because the lax reading turns ``count: true`` into 1 and ``start: 86400`` into a date.
    """

    @property
    def digest(self) -> str:
        """sha256 of what it says; comments and layout of its file do not count."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def matching(pattern: str, rule: str) -> AfterValidator:
    """For ``Annotated``: a text must match ``pattern`` as a whole; ``rule`` says so to the user."""

    def match(text: str) -> str:
        if re.fullmatch(pattern, text):
            return text
        raise ValueError(rule)

    return AfterValidator(match)


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a folder of zones, a path, no such zone
        raise ValueError(
            f"'{name}' is not a time zone: write 'UTC' or an IANA name such as 'America/New_York'"
            f"{nearest(name, available_timezones())}"
        ) from None
    return name


def _day(written: object) -> object:
    if not isinstance(written, str):
        return written
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise ValueError("must be a date, such as 2024-01-31") from None


TimeZone = Annotated[str, AfterValidator(_time_zone)]
Day = Annotated[date, BeforeValidator(_day)]
"""A date, or the text of one: JSON has no dates."""
