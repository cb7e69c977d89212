"""A batch beside Silver, as the checks of each asset's bars as a series take them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any

from ibis.expr.types import Table

from sentinel_lib import calendars
from sentinel_lib.records.stage import Check
from sentinel_lib.rules.suites import Suite
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages.sessions import dated_bars
from sentinel_lib.storage.engine import Engine


@dataclass(frozen=True, slots=True)
class Series:
    """``rows`` are those of a resolved batch, of ``assets`` alone; ``sessions`` those of their
    calendars, ``silver`` their bars of ``silver.bars``, and ``published_sessions`` gives the rows
    of ``gold.daily`` of some of them.
    """

    rows: Table
    sessions: Table
    silver: Table
    published_sessions: Callable[[Collection[str]], list[dict[str, Any]]]
    assets: Mapping[str, Asset]
    suite: Suite
    engine: Engine
    as_of: datetime

    @property
    def dated_silver(self) -> Table:
        """The bars of Silver with the terms of their assets and their ``session``."""
        return dated_bars(self.engine, self.silver, self.assets, self.as_of)

    def of(self, symbols: Iterable[str]) -> Series:
        """The same with the rows of these assets alone."""
        return replace(self, rows=self.rows.filter(self.rows.asset.isin([*symbols] or [""])))

    @property
    def check(self) -> Callable[..., Check]:
        """A check of the suite's table: failed, and blocking, unless it is told otherwise."""
        return partial(Check, table=self.suite.table, passed=False)


@lru_cache(maxsize=64)
def session_dates(calendar: str, first: date, last: date) -> tuple[date, ...]:
    """The sessions of a calendar. Kept: assets of one calendar mostly ask the same."""
    return tuple(session.date for session in calendars.sessions(calendar, first, last))
