"""Calendars that know no more sessions: a warning in time, then only their assets are held."""

from __future__ import annotations

from datetime import timedelta

from sentinel_lib.calendars import trouble
from sentinel_lib.records.roles import BRONZE_FETCHES
from sentinel_lib.records.stage import Check
from sentinel_lib.stages.stage import Stage

WARNED_AHEAD = timedelta(days=60)


def calendar_checks(stage: Stage) -> list[Check]:
    """A failed check, which warns, per calendar that ends within ``WARNED_AHEAD`` of ``as_of``."""
    users: dict[str, list[str]] = {}
    for symbol, asset in stage.chosen.items():
        users.setdefault(asset.calendar, []).append(symbol)
    reasons = {
        calendar: trouble(calendar, (stage.as_of + WARNED_AHEAD).date()) for calendar in users
    }
    return [
        Check(
            name=f"calendar {calendar} is known ahead",
            passed=False,
            table=BRONZE_FETCHES,
            blocks=False,
            observed=f"{reason} ({len(users[calendar])} assets)",
            expected=f"sessions known for {WARNED_AHEAD.days} days after as_of",
        )
        for calendar, reason in sorted(reasons.items())
        if reason
    ]


def has_known_sessions(stage: Stage, symbol: str) -> bool:
    """Whether the sessions of an asset are known at ``as_of``, so that its bars can be placed."""
    return not trouble(stage.assets[symbol].calendar, stage.as_of.date())
