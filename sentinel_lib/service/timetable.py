"""When runs are due: a cron expression on the clocks of a time zone."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from sentinel_lib.settings.schedule import Cron, Schedule, read_cron

CLOCK_CHANGE = timedelta(hours=3)
"""No clock is set by more than that, forward or back."""


class Timetable:
    """The times of a schedule.

    A time that the clocks leave out is due once, as much later as they jump: at 03:30 instead of
    02:30. One that they show twice is due the first time alone, unless the schedule names no hour:
    what is due every hour is due in that one too.

    The trigger only counts clock times, in a zone that never changes them: in one that does, it is
    due twice in autumn, and in spring forgets what it is asked for too late.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.zone = ZoneInfo(schedule.timezone)
        self._cron = read_cron(schedule.cron)
        self._triggers = _triggers(self._cron)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times after ``moment``, UTC, one after the other."""
        found: list[datetime] = []
        begin = moment.astimezone(self.zone).replace(tzinfo=UTC) - CLOCK_CHANGE
        for wall in heapq.merge(*(_clock_times(trigger, begin) for trigger in self._triggers)):
            instants = self._instants(wall)
            while found and found[0] < min(instants) - CLOCK_CHANGE:
                due = heapq.heappop(found)
                if due > moment:
                    moment = due
                    yield due
            for instant in instants:
                heapq.heappush(found, instant)

    def shown(self, moment: datetime) -> str:
        """``moment`` on the clocks of the schedule: ``2024-03-11 17:30 EDT``."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"

    def _instants(self, wall: datetime) -> list[datetime]:
        """When the clocks show ``wall``, as far as that is due."""
        first, second = (
            wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        is_shown_twice = first < second
        return [first, second] if is_shown_twice and self._cron.is_of_every_hour else [first]


def _triggers(cron: Cron) -> list[CronTrigger]:
    """The trigger asks for both, the day of the month and the weekday; cron may ask for either."""
    if cron.takes_either_day:
        return [_trigger(cron, cron.days, ()), _trigger(cron, (), cron.weekdays)]
    return [_trigger(cron, cron.days, cron.weekdays)]


def _trigger(cron: Cron, days: Collection[int], weekdays: Collection[int]) -> CronTrigger:
    """A trigger for ``cron`` with these days; none means all."""
    mondays = [(number - 1) % 7 for number in weekdays]  # the trigger counts from Monday
    return CronTrigger(
        month=_listed(cron.months),
        day=_listed(days),
        day_of_week=_listed(mondays),
        hour=_listed(cron.hours),
        minute=_listed(cron.minutes),
        timezone=UTC,
    )


def _listed(numbers: Collection[int]) -> str:
    return ",".join(str(number) for number in sorted(numbers)) or "*"


def _clock_times(trigger: CronTrigger, begin: datetime) -> Iterator[datetime]:
    found = trigger.get_next_fire_time(None, begin)
    while found is not None:
        yield found
        found = trigger.get_next_fire_time(found, found)
