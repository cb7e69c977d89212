from __future__ import annotations

import subprocess
import sys

import exchange_calendars
import pytest

from sentinel_lib.settings.calendar_names import CONTINUOUS, CURRENCIES, WEEKDAYS, known_calendar
from sentinel_lib.settings.project import PROJECT_ROOT


@pytest.mark.parametrize(
    "name", [CONTINUOUS, CURRENCIES, WEEKDAYS, *exchange_calendars.get_calendar_names()]
)
def test_every_calendar_can_be_named(name: str) -> None:
    assert known_calendar(name) == name


@pytest.mark.parametrize("name", ["", "xnys", "NYSEE", "../xnys", "always_open"])
def test_any_other_name_is_not_a_calendar(name: str) -> None:
    with pytest.raises(ValueError, match="is not a calendar: write 24/7, 24/5, weekdays or an "):
        known_calendar(name)


def test_misspelt_calendar_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'NYSE'"):
        known_calendar("NYSEE")


@pytest.mark.parametrize("name", ["XTKS", CURRENCIES])
def test_an_exchange_and_a_calendar_of_our_own_are_known_without_a_heavy_import(name: str) -> None:
    code = (
        "import sys; from sentinel_lib.settings.calendar_names import known_calendar; "
        f"known_calendar('{name}'); print('pandas' in sys.modules)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )

    assert ended.stdout.strip() == "False"
