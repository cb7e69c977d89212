"""What Silver holds already: read by the stages that ask what is due, and how late it is."""

from __future__ import annotations

from datetime import datetime

from sentinel_lib.records.roles import SILVER_BARS
from sentinel_lib.storage.tables import Lake


def last_bars(lake: Lake) -> dict[str, datetime]:
    """By symbol the timestamp (UTC) of its last bar in ``silver.bars``; no key without a bar."""
    rows = lake.read_or_empty(SILVER_BARS, columns=["symbol", "timestamp"])
    latest = rows.group_by("symbol").aggregate([("timestamp", "max")]).to_pylist()
    return {row["symbol"]: row["timestamp_max"] for row in latest}
