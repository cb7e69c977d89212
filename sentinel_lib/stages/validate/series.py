"""A batch beside Silver, as the checks of each asset's bars as a series take them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial

from ibis.expr.types import Table

from sentinel_lib import calendars
from sentinel_lib.records.stage import Check
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages.sessions import dated_bars
from sentinel_lib.stages.stage import Stage


@dataclass(frozen=True, slots=True)
class Series:
    """``rows`` are those of a resolved batch, of ``assets`` alone, and ``counts`` their
    ``session_counts``; ``sessions`` those of their calendars, and ``silver`` their bars of
    ``silver.bars``.
    """

    stage: Stage
    rows: Table
    counts: Table
    sessions: Table
    silver: Table
    assets: Mapping[str, Asset]

    @property
    def dated_silver(self) -> Table:
        """The bars of Silver with the terms of their assets and their ``session``."""
        return dated_bars(self.stage.engine, self.silver, self.assets, self.stage.as_of)

    @property
    def check(self) -> Callable[..., Check]:
        """A check of the suite's table: failed, and blocking, unless it is told otherwise."""
        return partial(Check, table=self.stage.suite.table, passed=False)


@lru_cache(maxsize=64)
def session_dates(calendar: str, first: date, last: date) -> tuple[date, ...]:
    """The sessions of a calendar. Kept: assets of one calendar mostly ask the same."""
    return tuple(session.date for session in calendars.sessions(calendar, first, last))
