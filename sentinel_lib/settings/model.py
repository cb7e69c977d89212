"""The base of every configuration model, and the types that YAML has no word for."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


class ConfigModel(BaseModel):
    """Unknown keys are errors, a value has the type it is declared with, and nothing changes later.

    Strict, because the lax reading turns ``count: true`` into 1 and ``start: 86400`` into a date.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def matching(pattern: str, rule: str) -> AfterValidator:
    """For ``Annotated``: a text must match ``pattern`` as a whole; ``rule`` says so to the user."""

    def match(text: str) -> str:
        if re.fullmatch(pattern, text):
            return text
        raise ValueError(rule)

    return AfterValidator(match)


def _day(written: object) -> object:
    if not isinstance(written, str):
        return written
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise ValueError("must be a date, such as 2024-01-31") from None


Day = Annotated[date, BeforeValidator(_day)]
"""A date, or the text of one: JSON has no dates."""
