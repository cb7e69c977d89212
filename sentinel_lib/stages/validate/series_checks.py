"""The gate's look at each asset's bars as a series: the checks that there are, in their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from ibis.expr.types import Table

from sentinel_lib.records.roles import GOLD_DAILY
from sentinel_lib.records.stage import Check
from sentinel_lib.stages.known_calendars import has_known_sessions
from sentinel_lib.stages.silver import silver_of
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.validate.coverage import thin_sessions
from sentinel_lib.stages.validate.missing_sessions import missing_sessions
from sentinel_lib.stages.validate.series import Series
from sentinel_lib.stages.validate.spacing import other_spacing
from sentinel_lib.stages.validate.time_zone import other_time_zone
from sentinel_lib.storage.tables import Lake, is_one_of

SERIES_CHECKS: dict[str, Callable[[Series], Iterable[Check]]] = {
    "spacing": other_spacing,
    "time_zone": other_time_zone,
    "missing_sessions": missing_sessions,
    "min_session_coverage": thin_sessions,
}
"""By the name of the check. An asset that one of them holds back is not looked at by the next."""


def series_checks(stage: Stage, resolved: Table, sessions: Table) -> dict[str, list[Check]]:
    """By symbol what was found of its bars in a resolved batch, and in Silver.

    ``spacing`` and ``time_zone`` hold the asset back. ``missing_sessions`` warns, and so does
    ``min_session_coverage`` unless the suite says otherwise.
    """
    series = Series(
        rows=resolved,
        sessions=sessions,
        silver=silver_of(stage.engine, stage.published, stage.selected),
        published_sessions=partial(_published_sessions, stage.published),
        assets={
            symbol: asset
            for symbol, asset in stage.chosen.items()
            if has_known_sessions(asset, stage.as_of)
        },
        suite=stage.suite,
        engine=stage.engine,
        as_of=stage.as_of,
    )
    checks: dict[str, list[Check]] = defaultdict(list)
    for judge in SERIES_CHECKS.values():
        before = [check for of_asset in checks.values() for check in of_asset]
        held = {check.symbol for check in before if check.blocks and not check.passed}
        rest = [symbol for symbol in series.assets if symbol not in held]
        for check in judge(series.of(rest)):
            checks[check.symbol].append(check)
    return dict(checks)


def _published_sessions(published: Lake, symbols: Collection[str]) -> list[dict[str, Any]]:
    columns, where = ["symbol", "session", "bar_count"], is_one_of("symbol", symbols)
    rows = published.read_or_empty(GOLD_DAILY, columns=columns, where=where)
    return list(rows.to_pylist())
