"""What Silver holds already: read by the stages that ask what is due, new or missing."""

from collections.abc import Collection
from datetime import datetime

from ibis.expr.types import Table

from sentinel_lib.records.details import Certificate
from sentinel_lib.records.roles import SILVER_BARS
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.tables import Lake


def last_bars(lake: Lake) -> dict[str, datetime]:
    """By symbol the timestamp (UTC) of its last bar in ``silver.bars``; no key without a bar."""
    rows = lake.read_or_empty(SILVER_BARS, columns=["symbol", "timestamp"])
    latest = rows.group_by("symbol").aggregate([("timestamp", "max")]).to_pylist()
    return {row["symbol"]: row["timestamp_max"] for row in latest}


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
