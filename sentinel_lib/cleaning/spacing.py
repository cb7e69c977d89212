"""How far apart the bars of a series are, where that is not what its asset says."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

SHARE = 0.8
"""The part of all steps that must be alike before they have a name."""
FEWEST_DAYS = 3
FEWEST_BARS = 5
"""Bars that a spacing without a name of its own takes: of fewer any two steps may be alike."""

_NAMED = {"weekly": (6, 8), "monthly": (27, 35), "quarterly": (85, 97), "yearly": (360, 371)}
"""Steps in days: periods begin and end on weekends and holidays too."""
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def spacing_of_days(days: Sequence[date], sessions: Sequence[date]) -> str:
    """``weekly``, ``monthly``, ``every 3 sessions``; empty where the series is a daily one.

    Both are sorted, each day once. The newest day is left aside where there are others: some
    sources end a weekly series with the bar of the week that is not over. Days of a series that is
    merely thin or has gaps are not equally far apart, and have no name.
    """
    days = days[:-1] if len(days) > FEWEST_DAYS else days
    if len(days) < FEWEST_DAYS:
        return ""
    pairs = list(pairwise(days))
    between = [bisect_left(sessions, b) - bisect_right(sessions, a) for a, b in pairs]
    if 0 in between:
        return ""
    for name, (shortest, longest) in _NAMED.items():
        fitting = sum(shortest <= (b - a).days <= longest for a, b in pairs)
        if fitting >= SHARE * len(pairs):
            return name
    gap, count = Counter(between).most_common(1)[0]
    is_regular = len(days) >= FEWEST_BARS and count >= SHARE * len(pairs)
    return f"every {gap + 1} sessions" if is_regular else ""


def spacing_of_times(
    times: Sequence[tuple[date, datetime]], interval: timedelta, sessions: Sequence[date]
) -> str:
    """``every 2 hours``, ``daily``; empty where bars are an ``interval`` apart, or irregularly.

    ``times`` are sessions and starts of bars, sorted. Only steps within a session count; where no
    session has two bars, the days do.
    """
    steps = Counter(b - a for (day, a), (other, b) in pairwise(times) if day == other)
    if not steps:
        days = sorted({day for day, _ in times})
        if len(days) < FEWEST_BARS:
            return ""
        gaps = [bisect_left(sessions, b) - bisect_right(sessions, a) for a, b in pairwise(days)]
        is_daily = gaps.count(0) >= SHARE * len(gaps)
        return "daily" if is_daily else spacing_of_days(days, sessions)
    step, count = steps.most_common(1)[0]
    is_regular = count >= SHARE * steps.total() and steps.total() >= FEWEST_BARS - 1
    return "" if interval in steps or not is_regular else f"every {_in_words(step)}"


def _in_words(step: timedelta) -> str:
    seconds = int(step.total_seconds())
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return unit if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"
