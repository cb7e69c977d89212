"""Calendars that know no more sessions: a warning in time, then only their assets are held back."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sentinel_lib.calendars import trouble
from sentinel_lib.errors import counted
from sentinel_lib.records.roles import BRONZE_FETCHES
from sentinel_lib.records.stage import Check
from sentinel_lib.settings.assets import Asset

WARNED_AHEAD = timedelta(days=60)


def calendar_checks(chosen: Mapping[str, Asset], as_of: datetime) -> list[Check]:
    """A failed check, which warns, per calendar that ends within ``WARNED_AHEAD`` of ``as_of``."""
    calendars = [asset.calendar for asset in chosen.values()]
    horizon = (as_of + WARNED_AHEAD).date()
    return [
        Check(
            name=f"calendar {calendar} is known ahead",
            passed=False,
            table=BRONZE_FETCHES,
            blocks=False,
            observed=f"{reason} ({counted(calendars.count(calendar), 'asset')})",
            expected=f"sessions known for {WARNED_AHEAD.days} days after as_of",
        )
        for calendar in sorted(set(calendars))
        if (reason := trouble(calendar, horizon))
    ]


def has_known_sessions(asset: Asset, as_of: datetime) -> bool:
    """Whether the sessions of an asset are known at ``as_of``, so that its bars can be placed."""
    return not trouble(asset.calendar, as_of.date())
