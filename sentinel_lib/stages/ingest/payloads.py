"""The payloads of a run: from the sources, or from the archive as if fetched when they were."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pyarrow.dataset as ds

from sentinel_lib.cleaning.rule_names import WAITING
from sentinel_lib.errors import SourceError, StorageError
from sentinel_lib.ingestion import batch
from sentinel_lib.ingestion.fetches import Fetched
from sentinel_lib.ingestion.files import file_of, own_locator
from sentinel_lib.ingestion.source import Source
from sentinel_lib.logger import log
from sentinel_lib.records.payload import FetchFailure, Payload, Window
from sentinel_lib.records.roles import BRONZE_FETCHES, QUARANTINE_BARS
from sentinel_lib.records.stage import NO_ASSET, UNLISTED
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages.ingest.settled import settled_by
from sentinel_lib.stages.origin import recorded_ingest
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage import root
from sentinel_lib.storage.payloads import PayloadArchive
from sentinel_lib.storage.tables import Lake, is_one_of

Fetch = dict[str, Any]
"""A row of ``bronze.fetches``."""
GroupedSource = tuple[dict[str, Asset], Source]


def fetch(stage: Stage, windows: Sequence[Window]) -> Fetched:
    """What the sources have for ``windows``; or, where the stage has an archive, what that has.

    The archive is either the payloads that have quarantined rows (a replay: read by the
    configuration of today, but still as old as their last fetch), or those of this very run in
    another data folder (a rebuild). Raises ``StorageError`` if a rebuild cannot read its payloads.
    """
    if stage.is_replay:
        fetched = _replayed(stage)
    elif stage.archive:
        fetched = _rebuilt(stage)
    else:
        fetched = batch.fetch(stage.assets, windows)
    fetched.settled = partial(settled_by, stage.published, stage.history)
    stage.is_transient = any(failure.is_transient for failure in fetched.failures)
    return fetched


def _replayed(stage: Stage) -> Fetched:
    """The newest fetch of every payload with quarantined rows, for today's sources to read."""
    archive, fetched = PayloadArchive(stage.archive_folder), Fetched()
    sources = batch.sources_of(stage.assets)
    for row, assets in _quarantined_fetches(stage):
        if problem := archive.problem(row["payload"]):
            reason = f"{_named(row)} is lost: {problem}"
            for symbol in sorted(assets & set(stage.selected)):
                fetched.failures.append(FetchFailure(symbol, reason))
            log().warning("rows are not judged again", reason=reason)
            continue
        payload, is_unlisted = _payload(archive, row), not assets.isdisjoint(NO_ASSET)
        fetched.payloads.extend(
            (payload, source)
            for group, source in _able(sources, payload)
            if assets & group.keys() or (is_unlisted and source.serves(payload))
        )
    return fetched


def _rebuilt(stage: Stage) -> Fetched:
    """What this run fetched when it was first made, read as it was read then.

    Where no source reads a payload so, today's reading stands for it.
    """
    record, archive = recorded_ingest(stage), PayloadArchive(stage.archive_folder)
    fetched = Fetched(
        failures=[
            FetchFailure(symbol, ledger.reason)
            for symbol, ledger in record.assets.items()
            if ledger.status == "unreachable"
        ]
    )
    lake = Lake(stage.archive_folder, is_checked=not root.is_older(stage.archive_folder))
    rows = lake.read_or_empty(BRONZE_FETCHES, where=ds.field("run_id") == stage.run_id)
    sources = batch.sources_of(stage.assets)
    for row in rows.sort_by([("locator", "ascending"), ("payload", "ascending")]).to_pylist():
        payload = _payload(archive, row)
        able = [source for _, source in _able(sources, payload)]
        readers = [source for source in able if _layout(source, payload) == row["layout"]]
        readers = readers or [source for source in able if source.serves(payload)]
        if not readers:
            raise StorageError(
                f"{_named(row)} cannot be read as it was read in run {stage.run_id}",
                observed="no source of the recorded configuration would read it",
                next_step="look at what changed in sentinel_lib/ingestion since that run",
            )
        fetched.payloads.extend((payload, source) for source in readers)
    return fetched


def _quarantined_fetches(stage: Stage) -> list[tuple[Fetch, set[str]]]:
    """The newest fetch of every payload with quarantined rows that do not merely wait, and the
    assets of those rows.

    Rows of no asset are among them where they may be an asset's by now: by their symbol, or
    because their file is an asset's own. Fetches of runs that a rollback has undone do not count.
    """
    lake, chosen = stage.published, stage.chosen.values()
    where = ~is_one_of("rule", WAITING) & is_one_of("asset", [*stage.selected, *NO_ASSET])
    columns = ["payload", "asset", "symbol", "file"]
    rows = lake.read_or_empty(QUARANTINE_BARS, columns=columns, where=where)
    symbols = {name for asset in chosen for name in (asset.symbol, asset.asked_as)}
    own_files = {own_locator(asset) for asset in chosen}
    assets: dict[str, set[str]] = {}
    for row in rows.group_by(columns).aggregate([]).to_pylist():
        if (
            row["asset"] != UNLISTED
            or row["symbol"] in symbols
            or file_of(row["file"]) in own_files
        ):
            assets.setdefault(row["payload"], set()).add(row["asset"])
    stands = ~is_one_of("run_id", stage.history.undone())
    fetches = lake.read_or_empty(BRONZE_FETCHES, where=is_one_of("payload", assets) & stands)
    oldest_first = fetches.sort_by([("as_of", "ascending"), ("run_id", "ascending")]).to_pylist()
    newest = {(row["payload"], row["locator"]): row for row in oldest_first}
    return [(row, assets[row["payload"]]) for _, row in sorted(newest.items())]


def _payload(archive: PayloadArchive, row: Fetch) -> Payload:
    content = archive.load(row["payload"])
    answers = json.loads(row.get("reading") or "{}").get("answers", {})
    return Payload(row["source"], row["locator"], content, row["symbol"], row["as_of"], answers)


def _able(sources: Sequence[GroupedSource], payload: Payload) -> list[GroupedSource]:
    """The sources of a payload's kind that have the asset it was requested for."""
    return [
        (group, source)
        for group, source in sources
        if next(iter(group.values())).source == payload.source
        and (payload.symbol is None or payload.symbol in group)
    ]


def _layout(source: Source, payload: Payload) -> str:
    try:
        return source.read(payload).layout
    except SourceError:
        return ""


def _named(row: Fetch) -> str:
    return f"payload {row['payload'][:12]} ({row['locator']})"
