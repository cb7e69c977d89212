"""``gold.daily``: one row per asset and session, whatever the interval of the bars."""

from __future__ import annotations

from ibis.expr.types import Table

from sentinel_lib.cleaning.bar_times import session_of
from sentinel_lib.records.bar import PRICE_DIGITS, SCALE, VOLUME_DIGITS


def daily_bars(silver: Table, terms: Table) -> Table:
    """Bars of ``silver.bars`` aggregated to sessions.

    ``terms`` has one row per asset: ``symbol``, ``calendar_timezone``. ``open`` is the session's
    first, ``close`` its last, ``volume`` the exact sum, ``bar_count`` the bars it was made of.
    """
    bars = silver.join(terms, "symbol")
    bars = bars.mutate(session=session_of(bars))
    grouped = bars.group_by(["symbol", "session"]).agg(
        open=bars.open.argmin(bars.timestamp),
        high=bars.high.max(),
        low=bars.low.min(),
        close=bars.close.argmax(bars.timestamp),
        volume=bars.volume.sum().cast(f"decimal({VOLUME_DIGITS}, {SCALE})"),
        bar_count=bars.count(),
    )
    price = f"decimal({PRICE_DIGITS}, {SCALE})"
    typed = {name: grouped[name].cast(price) for name in ("open", "high", "low", "close")}
    return grouped.mutate(**typed).order_by(["symbol", "session"])
