"""The wall clock of the pipeline, and how an instant is written. Data is judged by ``as_of``."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sentinel_lib.errors import UsageError

Clock = Callable[[], datetime]

AS_OF_FORMS = "2013-03-02, 2013-03-02T00:00:00Z or 2013-03-02T01:00:00+01:00; without an offset UTC"

DURATION = re.compile(r"([0-9]+)([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def now() -> datetime:
    """This instant, UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """``2013-03-02T00:00:00Z``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def parse_as_of(text: str) -> datetime:
    """``text`` as an instant, UTC; a date is its first. Raises ``UsageError`` for anything else."""
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = datetime.min.replace(tzinfo=UTC)
    if not 1900 <= moment.year <= 2200:
        raise UsageError(
            f"as_of '{text}' is not a date or a time",
            expected=AS_OF_FORMS,
            next_step="write it in one of these forms",
        )
    return moment


def duration(text: str) -> timedelta:
    """``30d``, ``12h`` or ``4w`` as a time. Raises ``UsageError`` for anything else."""
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"'{text}' is not a time to keep",
            expected="such as 30d, 12h or 4w",
            next_step="write a whole number and h, d or w for hours, days or weeks",
        )
    return int(match[1]) * _UNITS[match[2]]


def require_not_before(as_of: datetime, published: datetime | None) -> None:
    """Raise ``UsageError`` if ``as_of`` lies before that of what is ``published``, if anything is.

    Who plans a run asks by its records, before anything is created. Ingest asks again by the tables
    themselves: a run that was killed may have published and left no record.
    """
    if published is not None and as_of < published:
        raise UsageError(
            f"as_of {iso(as_of)} lies before what is published already",
            observed=f"tables as of {iso(published)}",
            expected=f"{iso(published)} or later",
            next_step=f'to look back, read_table("gold.daily", as_of="{iso(as_of)}"); '
            "to compute that state anew, give an empty folder by --data",
        )
