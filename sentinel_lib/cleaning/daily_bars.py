"""``gold.daily``: one row per asset and session, whatever the interval of the bars."""

import ibis
from ibis.expr.types import BooleanValue, Table, Value

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
    [most] = bars.agg(volume=bars.volume.max(), bars=bars.count()).to_pyarrow().to_pylist()
    is_small = (most["volume"] or 0) * most["bars"] < 10**WHOLE_DIGITS
    volumes = _volume_sum(bars) if is_small else _large_volume_sum(bars)
    grouped = bars.group_by(["symbol", "session"]).agg(
        open=bars.open.argmin(bars.timestamp),
        high=bars.high.max(),
        low=bars.low.min(),
        close=bars.close.argmax(bars.timestamp),
        bar_count=bars.count(),
        **volumes,
    )
    typed = {name: grouped[name].cast(VALUE) for name in ("open", "high", "low", "close")}
    if is_small:
        volume, is_too_large = grouped.volume, ibis.literal(False)
    else:
        volume, is_too_large = _joined(grouped)
    daily = grouped.select(
        "symbol", "session", **typed, volume=volume.cast(VALUE),
        bar_count=grouped.bar_count, is_too_large=is_too_large,
    )  # fmt: skip
    return daily.order_by(["symbol", "session"])


def _volume_sum(bars: Table) -> dict[str, Value]:
    return {"volume": bars.volume.sum()}


def _large_volume_sum(bars: Table) -> dict[str, Value]:
    """In two parts, for the engine would stop at the first sum that is too large."""
    whole = bars.volume.floor().cast(WHOLE)
    below_one = (bars.volume - whole.cast(VALUE)).sum()
    return {"whole_volume": whole.sum(), "volume_below_one": below_one}


def _joined(sums: Table) -> tuple[Value, BooleanValue]:
    """The volume that both parts make, NULL where it has too many digits; and whether it has."""
    volume = sums.whole_volume + sums.volume_below_one.floor().cast(WHOLE)
    is_too_large = (volume >= ibis.literal(10**WHOLE_DIGITS, WHOLE)).fill_null(False)
    fitting = is_too_large.ifelse(ibis.null(WHOLE), sums.whole_volume)
    return fitting.cast(VALUE) + sums.volume_below_one, is_too_large
