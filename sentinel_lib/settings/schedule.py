"""``schedule`` of ``pipeline.yaml``: when the resident service runs the pipeline."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from sentinel_lib.errors import nearest
from sentinel_lib.settings.model import ConfigModel

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
EXAMPLE = '"30 17 * * 1-5"'

_ITEM = re.compile(r"(?:\*|(?P<first>[0-9a-z]+)(?:-(?P<last>[0-9a-z]+))?)(?:/(?P<step>[0-9]+))?")
_LEAP_YEAR = 2024


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five fields of a cron expression. ``words`` count from ``first`` on."""

    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()

    def numbers(self, text: str) -> frozenset[int]:
        """What ``text`` stands for; ``ValueError`` if that is nothing that cron knows."""
        return frozenset(
            number for item in text.casefold().split(",") for number in self._range(item)
        )

    def _range(self, item: str) -> range:
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{self.name}: '{item}' must be as in *, 5, 1-5, */15 or 1-5,7")
        first, last = self.first, self.last
        if match["first"]:
            first = self._number(match["first"])
            last = self._number(match["last"]) if match["last"] else first
        if match["step"] and match["first"] and not match["last"]:
            raise ValueError(f"{self.name}: '{item}' must be a range, as in {first}-{self.last}/2")
        if first > last:
            raise ValueError(f"{self.name}: '{item}' must go upwards, as in 1-5")
        step = int(match["step"] or 1)
        if step == 0:
            raise ValueError(f"{self.name}: '{item}' must have a step of 1 or more")
        return range(first, last + 1, step)

    def _number(self, word: str) -> int:
        if word in self.words:
            return self.words.index(word) + self.first
        if not word.isdecimal() or not self.first <= int(word) <= self.last:
            names = f" or {self.words[0]} to {self.words[-1]}" if self.words else ""
            raise ValueError(f"{self.name}: '{word}' must be {self.first} to {self.last}{names}")
        return int(word)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("day of week", 0, 7, WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """What the five fields of a cron expression stand for. Sunday is weekday 0.

    ``takes_either_day``: a day that one of the two fields names is enough. So it is in cron if
    both are restricted, that is if neither begins with ``*``; otherwise a day must match both.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    takes_either_day: bool

    @property
    def is_of_every_hour(self) -> bool:
        """Whether no hour is named."""
        return len(self.hours) == 24


def read_cron(text: str) -> Cron:
    """The meaning of ``text`` in crontab(5); ``ValueError`` says what is wrong with it."""
    written = text.split()
    if len(written) != len(_FIELDS):
        names = ", ".join(field.name for field in _FIELDS)
        raise ValueError(f"must have five fields ({names}), such as {EXAMPLE}")
    numbers = [field.numbers(part) for field, part in zip(_FIELDS, written, strict=True)]
    minutes, hours, days, months, weekdays = numbers
    takes_either_day = not any(part.startswith("*") for part in (written[2], written[4]))
    longest = max(monthrange(_LEAP_YEAR, month)[1] for month in months)
    if min(days) > longest and not takes_either_day:
        raise ValueError(f"is never due: no month of it has a day {min(days)}")
    sundays = {number % 7 for number in weekdays}
    return Cron(minutes, hours, days, months, frozenset(sundays), takes_either_day)


def _cron(text: str) -> str:
    read_cron(text)
    return text


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a folder of zones, a path, no such zone
        close = nearest(name, available_timezones())
        raise ValueError(f"must be an IANA time zone, such as America/New_York{close}") from None
    return name


class Health(ConfigModel):
    """Where ``/healthz`` answers. Port 0 is any that is free."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080


class Schedule(ConfigModel):
    """When the service runs the pipeline.

    ``expected`` says whether a run that has not begun is overdue for ``status``; left out, it is
    from the first run of the service on.

    ``cron`` has the five fields of crontab(5), on the clocks of ``timezone``. A time that passed
    without a run is ``missed``: one run stands for all of those, or none. When the service is told
    to end, a run may go on for ``drain_seconds``.
    """

    cron: Annotated[str, AfterValidator(_cron)]
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    missed: Literal["run_once", "skip"] = "run_once"
    drain_seconds: Annotated[float, Field(ge=0)] = 60.0
    health: Health | None = Health()
    expected: bool | None = None
