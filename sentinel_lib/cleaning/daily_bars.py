"""``gold.daily``: one row per asset and session, whatever the interval of the bars."""

import ibis
from ibis.expr.types import Table

from sentinel_lib.records.bar import DIGITS, SCALE, WHOLE_DIGITS

VALUE, WHOLE = f"decimal({DIGITS}, {SCALE})", f"decimal({DIGITS}, 0)"


def daily_bars(bars: Table) -> Table:
    """Bars of ``silver.bars`` aggregated to sessions.

    They have ``session``, and ``is_within_hours``: the others are left out. ``open`` is the
    session's first, ``close`` its last, ``volume`` the exact sum, ``bar_count`` the bars it was
    made of. ``is_too_large`` says that the sum has more digits than a volume may; ``volume`` is
    NULL then.
    """
    bars = bars.filter(bars.is_within_hours)
    # In two parts, for the engine would stop at the first sum that is too large.
    whole = bars.volume.floor().cast(WHOLE)
    grouped = bars.group_by(["symbol", "session"]).agg(
        open=bars.open.argmin(bars.timestamp),
        high=bars.high.max(),
        low=bars.low.min(),
        close=bars.close.argmax(bars.timestamp),
        whole_volume=whole.sum(),
        volume_below_one=(bars.volume - whole.cast(VALUE)).sum(),
        bar_count=bars.count(),
    )
    volume = grouped.whole_volume + grouped.volume_below_one.floor().cast(WHOLE)
    is_too_large = volume >= ibis.literal(10**WHOLE_DIGITS, WHOLE)
    sums = grouped.mutate(is_too_large=is_too_large.fill_null(False))
    fitting = sums.is_too_large.ifelse(ibis.null(WHOLE), sums.whole_volume)
    typed = {name: sums[name].cast(VALUE) for name in ("open", "high", "low", "close")}
    volume = (fitting.cast(VALUE) + sums.volume_below_one).cast(VALUE)
    daily = sums.mutate(**typed, volume=volume).drop("whole_volume", "volume_below_one")
    return daily.order_by(["symbol", "session"])
