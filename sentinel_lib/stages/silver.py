"""What Silver holds already: read by the stages that ask what is due, new or missing."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from ibis.expr.types import Table

from sentinel_lib.records.details import Certificate
from sentinel_lib.records.roles import SILVER_BARS
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.data_files import Part
from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.tables import Lake


def last_bars(lake: Lake, symbols: Iterable[str]) -> dict[str, datetime]:
    """By symbol the timestamp (UTC) of its last bar in ``silver.bars``; no key without a bar.

    The files with the newest bars come first, and one that cannot tell anything newer is not read.
    """
    wanted, last = set(symbols), dict[str, datetime]()
    for part in sorted(lake.parts(SILVER_BARS), key=_newest, reverse=True):
        newest = _newest(part)
        if all(symbol in last and last[symbol] >= newest for symbol in symbols_of(part, wanted)):
            continue
        rows = lake.read_part(SILVER_BARS, part, ["symbol", "timestamp"])
        latest = rows.group_by("symbol").aggregate([("timestamp", "max")]).to_pylist()
        for row in latest:
            symbol, moment = row["symbol"], row["timestamp_max"]
            if symbol in wanted:
                last[symbol] = max(moment, last.get(symbol, moment))
    return last


def symbols_of(part: Part, symbols: Collection[str]) -> list[str]:
    """Those of ``symbols`` that a file of ``silver.bars`` may have, by its statistics."""
    least, greatest = part.bounds("symbol")
    is_known = least is not None and greatest is not None
    return [symbol for symbol in symbols if not is_known or least <= symbol <= greatest]


def _newest(part: Part) -> datetime:
    return part.bounds("timestamp")[1] or datetime.max.replace(tzinfo=UTC)


def silver_of(engine: Engine, lake: Lake, symbols: Collection[str] | None = None) -> Table:
    """The rows of ``silver.bars``, all or of ``symbols``; none before it is published."""
    files = lake.files(SILVER_BARS) if lake.exists(SILVER_BARS) else []
    bars = engine.scan(files, schema_of(SILVER_BARS))
    return bars if symbols is None else bars.filter(bars.symbol.isin([*symbols] or [""]))


def base_version(published: Lake) -> int:
    """The version of Silver that a candidate is made against; -1 where there is no Silver yet."""
    version = published.version(SILVER_BARS)
    return -1 if version is None else version


def is_published(published: Lake, certificate: Certificate) -> bool:
    """Whether the newest commit of Silver carries this very certificate."""
    told = certificate.model_dump(mode="json").items()
    return published.exists(SILVER_BARS) and told <= published.certificate(SILVER_BARS).items()
