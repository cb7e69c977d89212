"""The batch: the raw rows that a run is about, from the archive into the engine."""

import json
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.dataset as ds
from ibis.expr.types import Table

from sentinel_lib.cleaning.bar_times import TIMES, date_labels
from sentinel_lib.cleaning.rule_names import WAITING
from sentinel_lib.records.bar import ISO_8601, ONE_DAY, VALUE_COLUMNS
from sentinel_lib.records.details import IngestDetails
from sentinel_lib.records.roles import BRONZE_BARS, BRONZE_FETCHES, INGEST, QUARANTINE_BARS
from sentinel_lib.records.stage import NO_ASSET
from sentinel_lib.stages.sessions import asset_terms, within_times_of
from sentinel_lib.stages.silver import silver_of
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.unlisted import line_of, lines_of
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.tables import is_one_of

_READING = ("payload", "layout")
_FETCH = ("file", "source", "fetched_as_of", "date_format", "timezone")
_READ = [*_READING, *_FETCH]
_RAW = ("payload", "layout", "line", "symbol", "timestamp", *VALUE_COLUMNS)


def read_batch(stage: Stage) -> Table:
    """The raw rows to judge: those of this run's payloads, and those that wait for their session
    to close. ``asset`` is ``(unlisted)`` or ``(no symbol)`` where no asset has the symbol.

    Each row has the text columns of ``bronze.bars``, those of its fetch (``file``, ``source``,
    ``fetched_as_of``, ``date_format``, ``timezone``), and the terms of its asset.
    """
    dimension, fetches = stage.engine.dimension, batch_fetches(stage)
    waiting = _waiting(stage, fetches)
    read = {False: _readings(fetches), True: waiting.group_by(_READ).aggregate([])}
    waits = [pa.repeat(pa.scalar(is_waiting), len(table)) for is_waiting, table in read.items()]
    tables = [table.select(_READ) for table in read.values()]
    readings = dimension(pa.concat_tables(tables).append_column("waits", pa.chunked_array(waits)))
    fresh = _as_read(_bronze_bars(stage), readings.filter(~readings.waits))
    waited = _as_read(stage.engine.load(waiting), readings.filter(readings.waits))
    rows = fresh.union(waited)
    named = rows.mutate(named=rows.symbol.fill_null(""))
    symbols = {name for names in fetches["symbols"].to_pylist() for name in json.loads(names)}
    symbols |= set(waiting["symbol"].to_pylist())
    lines = dimension(lines_of(stage.assets, stage.selected, symbols))
    terms = dimension(asset_terms(stage.assets, stage.as_of))
    return named.join(lines, "named").drop("named").join(terms, "asset")


def batch_fetches(stage: Stage) -> pa.Table:
    """The rows of ``bronze.fetches`` that are judged: of the batch, without unchanged ones."""
    of_batch = ds.field("run_id") == stage.batch_run_id
    fetches = stage.input(BRONZE_FETCHES).read_or_empty(BRONZE_FETCHES, where=of_batch)
    ingested = _ingested(stage)
    unchanged = set(ingested.unchanged) if ingested else set()
    readings = zip(*(fetches[name].to_pylist() for name in _READING), strict=True)
    return fetches.filter(pa.array([reading not in unchanged for reading in readings], pa.bool_()))


def unchanged_rows(stage: Stage) -> dict[str, int]:
    """By asset, or line of none, how many rows of the batch are known and not judged again."""
    ingested = _ingested(stage)
    if ingested is None or not ingested.unchanged:
        return {}
    counts = Counter[str]()
    for symbol, rows in ingested.unchanged_rows.items():
        line = line_of(stage.assets, symbol)
        if line in stage.selected or line in NO_ASSET:
            counts[line] += rows
    waiting, unchanged = _waiting(stage, batch_fetches(stage)), set(ingested.unchanged)
    for row in waiting.select([*_READING, "symbol"]).to_pylist():
        counts[row["symbol"]] -= (row["payload"], row["layout"]) in unchanged
    return dict(counts)


def _ingested(stage: Stage) -> IngestDetails | None:
    record = stage.said_by(INGEST)
    return record.handed_on(IngestDetails) if record else None


def payload_labels(stage: Stage, batch: Table, date_formats: Sequence[str]) -> Table:
    """The assets and payloads of a batch whose daily times are date labels.

    All rows of the payloads are looked at, whatever rows of them ``batch`` has: what waited means
    what it meant before.
    """
    daily = batch.filter(batch.interval == ONE_DAY)
    reading = daily.select(*(name for name in TIMES if name != "timestamp")).distinct()
    rows = _bronze_bars(stage).select(*_READING, "timestamp", asset="symbol")
    times = rows.join(stage.engine.materialise(reading), [*_READING, "asset"]).select(*TIMES)
    return stage.engine.materialise(date_labels(times, tuple(date_formats) or (ISO_8601,)))


def date_formats(batch: Table) -> list[str]:
    """How the timestamps of a batch are written."""
    return sorted(batch.select("date_format").distinct().to_pyarrow()["date_format"].to_pylist())


def published_bars(stage: Stage, typed: Table) -> Table:
    """What Silver holds of a batch's assets between its first bar and its last."""
    return within_times_of(silver_of(stage.engine, stage.published, stage.selected), typed)


def _bronze_bars(stage: Stage) -> Table:
    """The raw rows that are published, and those that ingest wrote to the sandbox since."""
    lakes = {lake.root: lake for lake in (stage.published, stage.input(BRONZE_BARS))}
    there = [lake for lake in lakes.values() if lake.exists(BRONZE_BARS)]
    files = [file for lake in there for file in lake.files(BRONZE_BARS)]
    return stage.engine.scan(files, schema_of(BRONZE_BARS))


def _as_read(raw: Table, readings: Table) -> Table:
    """Raw rows, each with what ``readings`` say of its payload."""
    raw = raw.select(*_RAW, "defect", "is_provisional")
    raw = raw.rename({f"of_{name}": name for name in _READING})
    joined = raw.join(readings, [raw[f"of_{name}"] == readings[name] for name in _READING])
    return joined.select(*_RAW, "defect", "is_provisional", *_FETCH)


def _readings(fetches: pa.Table) -> pa.Table:
    """One row per way of reading a payload: where it came from first, and its newest fetch."""
    merged = fetches.rename_columns({"locator": "file", "as_of": "fetched_as_of"}).group_by(
        [*_READING, "date_format", "timezone", "source"]
    )
    newest = merged.aggregate([("file", "min"), ("fetched_as_of", "max")])
    return newest.rename_columns({"file_min": "file", "fetched_as_of_max": "fetched_as_of"})


def _waiting(stage: Stage, fetches: pa.Table) -> pa.Table:
    """Quarantined rows whose session had not closed, and whose payload was not fetched again.

    What runs fetched that a rollback has undone does not count.
    """
    where = (
        is_one_of("rule", WAITING)
        & ~ds.field("is_provisional")
        & is_one_of("asset", stage.selected)
        & ~is_one_of("payload", fetches["payload"].unique().to_pylist())
    )
    rows = stage.published.read_or_empty(QUARANTINE_BARS, where=where)
    stands = ~is_one_of("run_id", stage.history.undone())
    payloads = is_one_of("payload", rows["payload"].unique().to_pylist())
    readings = _readings(stage.published.read_or_empty(BRONZE_FETCHES, where=payloads & stands))
    joined = rows.drop_columns(["file", "fetched_as_of", "symbol"]).join(
        readings, keys=list(_READING), join_type="inner"
    )
    defects = pa.nulls(len(joined), pa.string())
    return joined.rename_columns({"asset": "symbol"}).append_column("defect", defects)
