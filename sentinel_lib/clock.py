"""The wall clock of the pipeline, and how an instant is written. Data is judged by ``as_of``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """This instant, UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """``2013-03-02T00:00:00Z``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
