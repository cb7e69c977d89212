"""What of Silver Gold has to be made of: all of it, or what was written since Gold was made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from ibis.expr.types import BooleanValue, Table

from sentinel_lib.records.details import GoldDetails
from sentinel_lib.records.roles import BUILD_GOLD, GOLD_DAILY, SILVER_BARS
from sentinel_lib.records.stage import StageRecord
from sentinel_lib.settings.assets import recorded_assets
from sentinel_lib.stages.certificates import made_with
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.data_files import Part

_NEAR = timedelta(days=1)
"""A session has its bars within a day of its date."""
_AROUND = 3 * _NEAR
"""So far around a change the bars of all sessions that it touches lie."""


@dataclass(frozen=True, slots=True)
class Change:
    """Where bars were written since: those of symbols from ``first`` to ``last`` in some times."""

    first: str
    last: str
    start: datetime
    end: datetime

    def has_bars(self, bars: Table) -> BooleanValue:
        """Whether a bar may be of a session that has changed, or of one beside it."""
        is_near = bars.timestamp.between(self.start - _AROUND, self.end + _AROUND)
        return bars.symbol.between(self.first, self.last) & is_near

    def has_session(self, bars: Table) -> BooleanValue:
        """Whether a bar's session may have changed; then all bars of it are near."""
        dates = (self.start - _NEAR).date(), (self.end + _NEAR).date()
        return bars.symbol.between(self.first, self.last) & bars.session.between(*dates)

    def touches(self, part: Part) -> bool:
        """Whether a file of Silver may have bars that ``has_bars`` lets pass."""
        (first, last), (start, end) = part.bounds("symbol"), part.bounds("timestamp")
        if None in (first, last, start, end):
            return True
        is_apart = last < self.first or first > self.last
        return not (is_apart or end < self.start - _AROUND or start > self.end + _AROUND)


def changes_since_gold(stage: Stage) -> list[Change] | None:
    """What was written to Silver since Gold was made of it; None where it has to be made of all.

    That is so by hand, where no run has made Gold, with other code or other terms of the assets,
    and where the last one held an asset back or Silver was restored or built again since.
    """
    gold = None if stage.is_by_hand else _last_gold(stage)
    before = gold.handed_on(GoldDetails) if gold else None
    if (
        gold is None
        or before is None
        or not stage.published.exists(GOLD_DAILY)
        or before.code_digest != made_with(stage.config, BUILD_GOLD)
        or recorded_assets(before.assets) != stage.assets
        or any(ledger.status != "passed" for ledger in gold.assets.values())
        or before.silver not in _commits(stage)
    ):
        return None
    changes = []
    for part in stage.published.parts(SILVER_BARS):
        if part.version > before.silver[0]:
            symbols, times = part.bounds("symbol"), part.bounds("timestamp")
            if None in (*symbols, *times):
                return None
            changes.append(Change(*symbols, *times))
    return changes


def silver_parts(stage: Stage, changes: Sequence[Change] | None) -> list[str]:
    """The files of Silver that may have bars near ``changes``; None: all."""
    lake = stage.input(SILVER_BARS)
    if changes is None:
        return lake.files(SILVER_BARS)
    parts = lake.parts(SILVER_BARS)
    near = [part for part in parts if any(change.touches(part) for change in changes)]
    return lake.checked(SILVER_BARS, near)


def any_of(conditions: Sequence[BooleanValue], rows: Table) -> Table:
    """``rows`` for which one of the conditions holds; of no condition none."""
    return rows.filter(reduce(or_, conditions)) if conditions else rows.limit(0)


def made_of(stage: Stage) -> dict[str, object]:
    """What ``40_build_gold`` hands on, for the next one to tell what has changed since."""
    commits, code = _commits(stage), made_with(stage.config, BUILD_GOLD)
    return {"silver": commits[-1] if commits else None, "code_digest": code}


def _commits(stage: Stage) -> list[tuple[int, str]]:
    commits = stage.published.commits(SILVER_BARS)
    return [(commit.version, commit.run_id) for commit in commits]


def _last_gold(stage: Stage) -> StageRecord | None:
    """The record of the last run that made Gold and stands."""
    undone = {*stage.history.undone(), stage.run_id}
    for run_id in stage.history.run_ids():
        record = None if run_id in undone else stage.history.read_stage(run_id, BUILD_GOLD)
        if record is not None and record.status in ("ok", "degraded"):
            return record
    return None
