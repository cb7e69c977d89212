from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from sentinel_lib.settings.model import ConfigModel, Day


class Sample(ConfigModel):
    count: int = 1
    day: Day = date(2024, 1, 31)


def test_config_does_not_change_after_loading() -> None:
    sample = Sample()

    with pytest.raises(ValidationError, match="frozen"):
        sample.count = 2  # type: ignore[misc]


def test_config_takes_no_unknown_key() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Sample.model_validate({"cuont": 2})


@pytest.mark.parametrize("written", ["2024-01-31", date(2024, 1, 31)])
def test_day_is_a_date_or_the_text_of_one(written: object) -> None:
    assert Sample.model_validate({"day": written}).day == date(2024, 1, 31)


@pytest.mark.parametrize("written", [86400, 86400.0, True, "2024-02-30", "31/01/2024", ""])
def test_day_is_nothing_else(written: object) -> None:
    with pytest.raises(ValidationError, match="day"):
        Sample.model_validate({"day": written})
