"""The archive in the place of the sources: payloads read again, as if fetched when they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow.dataset as ds

from sentinel_lib import ingestion
from sentinel_lib.cleaning.row_rules import WAITING
from sentinel_lib.errors import SourceError, StorageError
from sentinel_lib.ingestion import Fetched
from sentinel_lib.ingestion.files import locator_of
from sentinel_lib.ingestion.source import Source
from sentinel_lib.logger import log
from sentinel_lib.records.payload import FetchFailure, Payload, Window
from sentinel_lib.records.roles import BRONZE_FETCHES, QUARANTINE_BARS
from sentinel_lib.records.stage import NO_ASSET, UNLISTED
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.sources import FilesOptions
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage import root
from sentinel_lib.storage.payloads import PayloadArchive
from sentinel_lib.storage.tables import Lake, is_one_of


def deliver(stage: Stage, windows: Sequence[Window]) -> Fetched:
    """What the sources have for ``windows``; or, where the stage has an archive, what that has.

    The archive is either the payloads that have refused rows (a replay: read by the configuration
    of today, but still as old as their last fetch), or those of this very run in another data
    folder (a rebuild).
    """
    if not stage.archive:
        return ingestion.fetch(stage.assets, windows)
    fetches = _refused_fetches(stage) if stage.is_replay else _fetches_of_run(stage)
    archive = PayloadArchive(stage.archive_folder)
    fetched = Fetched(failures=[] if stage.is_replay else _failures_of_run(stage))
    for row in fetches:
        if stage.is_replay and (problem := archive.problem(row["payload"])):
            reason = f"payload {row['payload'][:12]} ({row['locator']}) is lost: {problem}"
            lost_to = sorted(row["assets"] & set(stage.selected))
            fetched.failures.extend(FetchFailure(symbol, reason) for symbol in lost_to)
            log().warning("rows are not judged again", reason=reason)
            continue
        payload = Payload(
            row["source"], row["locator"], archive.load(row["payload"]), row["symbol"]
        )
        for source in _readers(stage, payload, row):
            fetched.payloads.append((payload, source))
            stage.fetched_as_of[row["payload"]] = row["as_of"]
    return fetched


def _fetches_of_run(stage: Stage) -> list[dict[str, Any]]:
    lake = Lake(stage.archive_folder, is_checked=not root.is_older(stage.archive_folder))
    rows = lake.read_or_empty(BRONZE_FETCHES, where=ds.field("run_id") == stage.run_id)
    rows = rows.sort_by([("locator", "ascending"), ("payload", "ascending")])
    return list(rows.to_pylist())


def _refused_fetches(stage: Stage) -> list[dict[str, Any]]:
    """The newest fetch of every payload that has rows in quarantine which do not merely wait.

    Rows of no asset are among them where they may be an asset's by now: by their symbol, or
    because their file is an asset's own. Fetches of runs that a rollback has undone do not count.
    """
    lake = stage.published
    where = ~is_one_of("rule", WAITING) & is_one_of("asset", [*stage.selected, *NO_ASSET])
    columns = ["payload", "asset", "symbol", "file"]
    refused = lake.read_or_empty(QUARANTINE_BARS, columns=columns, where=where)
    names = {name for one in stage.chosen.values() for name in (one.symbol, one.asked_as)}
    own_files = {
        locator_of(in_project(one.options.path))
        for one in stage.chosen.values()
        if isinstance(one.options, FilesOptions)
    }
    assets: dict[str, set[str]] = {}
    for row in refused.group_by(columns).aggregate([]).to_pylist():
        is_listed = row["asset"] != UNLISTED or row["symbol"] in names
        if is_listed or row["file"] in own_files:
            assets.setdefault(row["payload"], set()).add(row["asset"])
    stands = ~is_one_of("run_id", stage.history.undone())
    fetches = lake.read_or_empty(BRONZE_FETCHES, where=is_one_of("payload", assets) & stands)
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in fetches.sort_by([("as_of", "ascending"), ("run_id", "ascending")]).to_pylist():
        newest[row["payload"], row["locator"]] = {**row, "assets": assets[row["payload"]]}
    return [newest[key] for key in sorted(newest)]


def _readers(stage: Stage, payload: Payload, row: dict[str, Any]) -> list[Source]:
    """The sources that read a payload: those of its assets, or the one that read it then.

    Where no source reads it as it was read then, today's reading stands for it.
    """
    found, by_name = [], []
    for group, source in ingestion.sources_of(stage.assets):
        is_of_source = next(iter(group.values())).source == payload.source
        if not is_of_source or (payload.symbol is not None and payload.symbol not in group):
            continue
        if stage.is_replay:
            is_unlisted = not row["assets"].isdisjoint(NO_ASSET) and source.serves(payload)
            is_it = is_unlisted or bool(row["assets"] & group.keys())
        else:
            is_it = _layout(source, payload) == row["layout"]
        found += [source] if is_it else []
        by_name += [source] if source.serves(payload) else []
    found = found or ([] if stage.is_replay else by_name)
    if not found and not stage.is_replay:
        raise StorageError(
            f"payload {row['payload'][:12]} ({payload.locator}) cannot be read as it was read "
            f"in run {stage.run_id}",
            observed="no source of the recorded configuration would read it",
            next_step="look at what changed in sentinel_lib/ingestion since that run",
        )
    return found


def _layout(source: Source, payload: Payload) -> str:
    try:
        return source.read(payload).layout
    except SourceError:
        return ""


def _failures_of_run(stage: Stage) -> list[FetchFailure]:
    record = stage.recorded_ingest()
    return [
        FetchFailure(symbol, one.reason)
        for symbol, one in record.assets.items()
        if one.status == "unreachable"
    ]
