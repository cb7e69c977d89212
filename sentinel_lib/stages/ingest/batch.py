"""The batch in Bronze: payloads byte for byte, their rows as text, and the log of the fetches."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import pyarrow as pa
import pyarrow.dataset as ds

from sentinel_lib.cleaning.decisive_rows import decisive_rows
from sentinel_lib.errors import listed
from sentinel_lib.ingestion.fetches import Fetched, Parsed, place_of
from sentinel_lib.ingestion.raw_bars import PROVENANCE_COLUMNS
from sentinel_lib.records.roles import BRONZE_BARS, BRONZE_FETCHES
from sentinel_lib.records.stage import NO_ASSET, Check
from sentinel_lib.stages.ingest.schema_drift import ComparedPayload
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.payloads import PayloadArchive
from sentinel_lib.storage.tables import Lake
from sentinel_lib.storage.upkeep import remove_orphans
from sentinel_lib.validation import audit


def known_readings(lake: Lake) -> set[tuple[str, ...]]:
    """The payloads that ``bronze.bars`` has rows of, each with how it was read.

    What the log names is there. Of runs that were killed before they logged it, it is looked up.
    """
    if not lake.exists(BRONZE_BARS):
        return set()
    fetches = lake.read_or_empty(BRONZE_FETCHES, columns=["run_id", *PROVENANCE_COLUMNS])
    logged = set(fetches["run_id"].to_pylist())
    commits = lake.commits(BRONZE_BARS)
    versions = {commit.version for commit in commits if commit.run_id in logged}
    tables = [fetches.select(PROVENANCE_COLUMNS)]
    for part in lake.parts(BRONZE_BARS):
        if part.version not in versions:
            tables.append(lake.read_part(BRONZE_BARS, part, PROVENANCE_COLUMNS))
    rows = pa.concat_tables(tables).group_by(list(PROVENANCE_COLUMNS)).aggregate([])
    return {tuple(row.values()) for row in rows.to_pylist()}


def store(
    stage: Stage,
    fetched: Fetched,
    parsed: Parsed,
    compared: Sequence[ComparedPayload],
) -> None:
    """Keep a batch: its payloads, then the rows of readings that are not there yet, then the log.

    In this order, so that whatever the log names is there, wherever a run is killed. Before that,
    what killed runs left half done is removed. Doing it again adds nothing.
    """
    remove_orphans(stage.output)
    archive = PayloadArchive(stage.output)
    for payload, _ in fetched.payloads:
        unchanged = fetched.unchanged.get(place_of(payload))
        if not (unchanged and archive.holds(unchanged.payload)):  # else it was hashed a moment ago
            archive.store(payload.content)
    known = known_readings(stage.published)
    rows = _rows_without(parsed.bars, known)
    if stage.is_by_hand:  # beside what is published there are the rows of this try, and no other's
        stage.lake.overwrite(BRONZE_BARS, rows.to_reader(), stage.commit)
    elif len(rows) or not stage.lake.exists(BRONZE_BARS):
        stage.lake.append(BRONZE_BARS, rows.to_reader(), stage.commit)
    log = [
        {
            **asdict(logged),
            "run_id": stage.run_id,
            "as_of": logged.as_of or stage.as_of,
            "symbols": json.dumps(logged.rows_by_symbol, ensure_ascii=False),
            "columns": pair.columns,
        }
        for logged, pair in zip(parsed.log, compared, strict=True)
    ]
    fetches = pa.Table.from_pylist(log, schema=schema_of(BRONZE_FETCHES))
    if len(fetches) or stage.is_by_hand:
        of_the_run = ds.field("run_id") == stage.run_id
        stage.lake.overwrite(BRONZE_FETCHES, fetches, stage.commit, only=of_the_run)


def _rows_without(rows: pa.Table, known: set[tuple[str, ...]]) -> pa.Table:
    """The rows of readings that are not ``known``; those of a reading lie beside each other."""
    pieces, start = [rows.slice(0, 0)], 0
    for chunks in zip(*(rows[name].chunks for name in PROVENANCE_COLUMNS), strict=True):
        count = len(chunks[0])
        if count and tuple(chunk[0].as_py() for chunk in chunks) not in known:
            pieces.append(rows.slice(start, count))
        start += count
    return pa.concat_tables(pieces)


def rejected_payloads(parsed: Parsed) -> list[Check]:
    """One failed check per payload that could not be read. It holds back the asset it was for."""
    return [
        Check(
            name="payload can be read",
            passed=False,
            table=BRONZE_BARS,
            blocks=False,
            symbol=payload.symbol or "",
            observed=payload.reason,
            expected="a payload that its source can read",
        )
        for payload in parsed.rejected
    ]


def audit_bronze(stage: Stage, bars: pa.Table) -> list[Check]:
    """The Bronze suite over the raw bars of the assets that are accounted for; without any, no
    check.

    That no row came is a verdict on each asset, and so not the suite's to give. That all that came
    is rows of no asset is a failure: nothing would tell that the symbols are other ones.
    """
    ledgers, suite = stage.ledgers, stage.suite
    symbols = [symbol for symbol in ledgers if symbol not in NO_ASSET]
    rows = stage.engine.load(bars)
    rows = rows.filter(rows.symbol.isin(symbols or [""]))
    if total := rows.count().to_pyarrow().as_py():
        return audit(suite, decisive_rows(rows, suite.rules).to_pandas(), total=total)
    unlisted = [ledgers[line].reason for line in NO_ASSET if line in ledgers]
    has_rows = any(ledgers[symbol].rows_in for symbol in symbols)
    if stage.is_replay or has_rows or not unlisted:
        return []
    held = [f"{symbol}: {ledgers[symbol].reason}" for symbol in symbols]
    return [
        Check(
            name="rows of an asset",
            passed=False,
            table=BRONZE_BARS,
            observed="; ".join([*unlisted, listed(held, separator="; ")]),
            expected="at least 1",
        )
    ]
