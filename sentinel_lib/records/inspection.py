"""The record of a look at every byte that is kept."""

from datetime import datetime

from pydantic import BaseModel


class Inspection(BaseModel, frozen=True):
    """What was looked at, and what is wrong with it.

    ``problems`` has a text for each file of a table that is damaged, and each payload that is lost.
    Payloads that were lost and came again from their source are ``recovered``.
    """

    inspected_at_utc: datetime
    files: int = 0
    payloads: int = 0
    problems: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()
