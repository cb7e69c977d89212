"""Sessions without any row, between the last published one and the last of the batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib.cleaning.asset_counts import seen_rows, spans
from sentinel_lib.errors import listed
from sentinel_lib.records.stage import Check
from sentinel_lib.stages.validate.series import Series, session_dates
from sentinel_lib.storage.engine import Engine


def missing_sessions(series: Series) -> Iterator[Check]:
    """A check that warns per asset with such sessions, and lists them."""
    batch = spans(series.rows).to_pyarrow().to_pylist()
    silver = series.dated_silver.select("session", asset="symbol").distinct()
    before = _last_before(series.engine, silver, batch)
    gaps = {}
    for row in batch:
        since = before.get(row["asset"], row["first"])
        expected = session_dates(row["calendar"], since, row["last"])
        if len(expected) > row["sessions_seen"] + (since < row["first"]):
            gaps[row["asset"]] = expected
    present: dict[str, set[date]] = defaultdict(set)
    if gaps:
        seen = seen_rows(series.rows).select("asset", "session")
        both = seen.union(silver.select("asset", "session")).distinct()
        for row in both.filter(both.asset.isin(list(gaps))).to_pyarrow().to_pylist():
            present[row["asset"]].add(row["session"])
    for symbol, expected in gaps.items():
        absent = [day for day in expected if day not in present[symbol]]
        if absent:
            yield series.check(
                name="missing_sessions",
                symbol=symbol,
                blocks=False,
                observed=f"{len(absent)} missing: {listed(absent)}",
                expected=f"every session from {expected[0]} to {expected[-1]}",
            )


def _last_before(engine: Engine, silver: Table, spans: list[dict[str, Any]]) -> dict[str, date]:
    """The last published session of each asset that is earlier than its first in the batch."""
    if not spans:
        return {}
    firsts = pa.table({name: [row[name] for row in spans] for name in ("asset", "first")})
    joined = silver.join(engine.load(firsts), "asset")
    earlier = joined.filter(joined.session < joined["first"])
    last = earlier.group_by("asset").agg(last=earlier.session.max())
    return {row["asset"]: row["last"] for row in last.to_pyarrow().to_pylist()}
