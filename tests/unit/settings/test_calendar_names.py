from __future__ import annotations

import subprocess
import sys

import exchange_calendars
import pytest

from sentinel_lib.settings.calendar_names import CONTINUOUS, WEEKDAYS, known_calendar
from sentinel_lib.settings.project import PROJECT_ROOT


@pytest.mark.parametrize("name", [CONTINUOUS, WEEKDAYS, *exchange_calendars.get_calendar_names()])
def test_every_calendar_can_be_named(name: str) -> None:
    assert known_calendar(name) == name


@pytest.mark.parametrize("name", ["", "xnys", "NYSEE", "../xnys", "always_open"])
def test_any_other_name_is_not_a_calendar(name: str) -> None:
    with pytest.raises(ValueError, match="is not a calendar: write 24/7, weekdays or an exchange_"):
        known_calendar(name)


def test_misspelt_calendar_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'NYSE'"):
        known_calendar("NYSEE")


def test_the_code_of_an_exchange_is_known_without_a_heavy_import() -> None:
    code = (
        "import sys; from sentinel_lib.settings.calendar_names import known_calendar; "
        "known_calendar('XTKS'); print('pandas' in sys.modules)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )

    assert ended.stdout.strip() == "False"
