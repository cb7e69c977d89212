"""The gate's look at each asset's bars as a series: the checks that there are, in their order."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from ibis.expr.types import Table

from sentinel_lib.records.stage import Check
from sentinel_lib.stages.sessions import has_known_sessions
from sentinel_lib.stages.silver import silver_of
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.validate.coverage import missing_sessions, thin_sessions
from sentinel_lib.stages.validate.series import Series
from sentinel_lib.stages.validate.spacing import other_spacing
from sentinel_lib.stages.validate.time_zone import other_time_zone

SERIES_CHECKS: dict[str, Callable[[Series], Iterable[Check]]] = {
    "spacing": other_spacing,
    "time_zone": other_time_zone,
    "missing_sessions": missing_sessions,
    "min_session_coverage": thin_sessions,
}
"""By the name of the check. An asset that one of them holds back is not looked at by the next."""


def series_checks(
    stage: Stage, resolved: Table, by_session: Table, sessions: Table
) -> dict[str, list[Check]]:
    """By symbol what was found of its bars in a resolved batch, and in Silver. ``by_session`` are
    the ``session_counts`` of the batch.

    ``spacing`` and ``time_zone`` hold the asset back. ``missing_sessions`` warns, and so does
    ``min_session_coverage`` unless the suite says otherwise.
    """
    chosen, as_of = stage.chosen, stage.as_of
    known = {name: asset for name, asset in chosen.items() if has_known_sessions(asset, as_of)}
    silver = silver_of(stage.engine, stage.published, stage.selected)
    series = Series(stage, resolved, by_session, sessions, silver, known)
    checks: dict[str, list[Check]] = defaultdict(list)
    for judge in SERIES_CHECKS.values():
        before = [check for of_asset in checks.values() for check in of_asset]
        held = {check.symbol for check in before if check.blocks and not check.passed}
        rest = [symbol for symbol in known if symbol not in held] or [""]
        rows, counts = (table.filter(table.asset.isin(rest)) for table in (resolved, by_session))
        for check in judge(replace(series, rows=rows, counts=counts)):
            checks[check.symbol].append(check)
    return dict(checks)
