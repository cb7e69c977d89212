from __future__ import annotations

import exchange_calendars

from sentinel_lib.records.calendar_names import CALENDAR_NAMES, CONTINUOUS, EXCHANGES, WEEKDAYS


def test_exchanges_are_those_that_exchange_calendars_knows() -> None:
    known = set(exchange_calendars.get_calendar_names())

    assert known - {CONTINUOUS} == EXCHANGES


def test_calendars_are_the_exchanges_and_our_own_two() -> None:
    assert {CONTINUOUS, WEEKDAYS} | EXCHANGES == CALENDAR_NAMES
