"""``schedule`` of ``pipeline.yaml``: when the resident service runs the pipeline."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field

from sentinel_lib.settings.model import ConfigModel, TimeZone

EXAMPLE = '"30 17 * * 1-5"'

_FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, in a month that has that day",
    "month": "1 to 12, or jan to dec",
    "day-of-week": "0 to 7, or sun to sat",
}


def _cron(text: str) -> str:
    fields = text.split()
    if len(fields) != len(_FIELDS):  # six would be understood, and begin with seconds
        raise ValueError(f"must have five fields ({', '.join(_FIELDS)}), such as {EXAMPLE}")
    try:
        CronSim(text, datetime.min)
    except CronSimError as wrong:
        name = str(wrong).removeprefix("Bad ")
        written = dict(zip(_FIELDS, fields, strict=True))[name]
        raise ValueError(
            f"{name}: '{written}' must be {_FIELDS[name]}, as in *, 5, 1-5, */15 or 1-5,7"
        ) from None
    return text


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
    timezone: TimeZone = "UTC"
    missed: Literal["run_once", "skip"] = "run_once"
    drain_seconds: Annotated[float, Field(ge=0)] = 60.0
    health: Health | None = Health()
    expected: bool | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the clocks that ``cron`` is about."""
        return ZoneInfo(self.timezone)

    def times_after(self, moment: datetime) -> Iterator[datetime]:
        """When runs are due after ``moment``, in order, UTC.

        Times that the clocks skip are due once, right after; those they show twice, the first time.
        Where the minute or the hour begins with ``*``, only the time that really passes counts.
        """
        for due in CronSim(self.cron, moment.astimezone(self.zone)):
            if due > moment:  # skipped times fall on one, and one may have been shown before
                moment = due.astimezone(UTC)
                yield moment

    def local(self, moment: datetime) -> str:
        """``moment`` on the clocks of the schedule: ``2024-03-11 17:30 EDT``."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"
