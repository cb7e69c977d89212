"""The assets that a run is about, and whether their series may go on as they are configured."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sentinel_lib.clock import require_not_before
from sentinel_lib.errors import ConfigError, GateBlocked, SentinelError, SourceError, counted
from sentinel_lib.ingestion.batch import parse, read_files, symbols_in
from sentinel_lib.ingestion.fetches import Parsed
from sentinel_lib.ingestion.files import stem
from sentinel_lib.ingestion.inference import inferred_terms
from sentinel_lib.records.roles import SILVER_BARS
from sentinel_lib.settings.assets import (
    Asset,
    AssetsFile,
    is_symbol,
    read_assets,
    recorded_assets,
    select,
)
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.sources import source_named
from sentinel_lib.stages.ingest.settled import settled_by
from sentinel_lib.stages.origin import details_in_effect, ingest_record, recorded_ingest
from sentinel_lib.stages.silver import symbols_of
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.tables import Lake


def choose_assets(
    stage: Stage, assets: str, source: str, input_path: str, archive: str
) -> dict[str, Asset]:
    """The assets of this run: all, the comma-separated ones, or those that ``input_path`` holds.

    A run from an ``archive`` is about the assets it was about then; a replay also about those that
    a former ``input_path`` held. ``stage`` knows from here on which they are. Raises ``UsageError``
    for an unknown asset or source, ``SourceError`` and ``GateBlocked`` for an unusable input.
    """
    file, document = read_assets(stage.config)
    stage.archive = archive
    if archive and not stage.is_replay:
        recorded = details_in_effect(recorded_ingest(stage))
        stage.assets, stage.selected = recorded_assets(recorded.assets), recorded.selected
        return stage.chosen
    options = {"path": in_project(input_path)} if input_path else {}
    implied = "files" if input_path else ""
    stage.assets = file.resolve(document, source_named(source or implied), options)
    if input_path:
        stage.assets = _assets_in(stage, input_path, options, file)
    record = ingest_record(stage.history, "", is_always=False) if stage.is_replay else None
    if record is not None:
        stage.assets = {**recorded_assets(details_in_effect(record).assets), **stage.assets}
    wanted = [symbol.strip() for symbol in assets.split(",") if symbol.strip()]
    stage.selected = tuple(select(stage.assets, wanted or stage.assets))
    return stage.chosen


def require_continuity(published: Lake, chosen: Mapping[str, Asset], as_of: datetime) -> None:
    """Refuse to go back in time, and to continue a series as another one.

    Raises ``UsageError`` for an ``as_of`` before the published one, which is that of the newest
    commit: a rollback has taken it back with what it restored. Raises ``ConfigError`` for another
    interval, or simulated bars after real ones: nothing would say where one ends and the other
    begins.
    """
    commits = published.commits(SILVER_BARS)
    require_not_before(as_of, commits[-1].as_of if commits else None)
    columns = ["symbol", "interval", "source"]
    for part in published.parts(SILVER_BARS):
        (interval, other_interval), (source, other) = map(part.bounds, columns[1:])
        assets = [chosen[symbol] for symbol in symbols_of(part, chosen)]
        is_alike = (interval, source) == (other_interval, other)
        if is_alike and all(
            (asset.interval, asset.source) == (interval, source) for asset in assets
        ):
            continue
        rows = published.read_part(SILVER_BARS, part, columns).group_by(columns).aggregate([])
        for row in rows.sort_by("symbol").to_pylist():
            if row["symbol"] in chosen:
                _require_same(chosen[row["symbol"]], row)


def _require_same(asset: Asset, row: Mapping[str, str]) -> None:
    """Raise ``ConfigError`` if published bars have other terms than their asset."""
    terms: dict[str, str] = {"interval": asset.interval}
    if "simulated" in (row["source"], asset.source):
        terms["source"] = asset.source
    for term, configured in terms.items():
        if row[term] != configured:
            raise ConfigError(
                f"{asset.symbol}: its published bars have {term} '{row[term]}', "
                f"and its configuration says '{configured}'",
                expected=f"{term}: {row[term]}",
                next_step="give the series another symbol, or a fresh folder by --data DIR",
            )


def _assets_in(
    stage: Stage, input_path: str, options: dict[str, Any], file: AssetsFile
) -> dict[str, Asset]:
    """An asset for every symbol in the files of ``input_path``, and for those not readable.

    What is not configured of one follows from its bars, and from what the last run made of it.
    """
    configured = stage.assets
    fetched = read_files(file.sources.files.model_copy(update=options), configured)
    fetched.settled = partial(settled_by, stage.published, stage.history)
    parsed = parse(fetched)
    unread = {payload.symbol or stem(payload.locator) for payload in parsed.rejected}
    symbols = sorted(filter(is_symbol, {*symbols_in(parsed), *unread}))
    if not symbols:
        raise _without_symbols(input_path, parsed)
    missing = [symbol for symbol in symbols if symbol not in configured]
    before = _as_before(stage) if missing else {}
    terms = inferred_terms(parsed, missing, before)
    return {
        symbol: configured.get(symbol)
        or file.unlisted(symbol, "files", options, terms.get(symbol, {}))
        for symbol in symbols
    }


def _as_before(stage: Stage) -> dict[str, Asset]:
    """The assets of the last run, as they were then."""
    record = ingest_record(stage.history, "", is_always=False)
    return recorded_assets(details_in_effect(record).assets) if record else {}


def _without_symbols(input_path: str, parsed: Parsed) -> SentinelError:
    if not len(parsed.bars):
        return SourceError(
            f"no file of {input_path} can be read: {parsed.rejected[0].reason}",
            next_step="fix the files, or name another path by --input PATH",
        )
    return GateBlocked(
        f"no row of {input_path} has a symbol that an asset can have",
        observed=f"{counted(len(parsed.bars), 'row')} without one",
        next_step="fill the symbol column, or name another by columns: {symbol: ...} "
        "in the options of the files source; a file without such a column is named after its asset",
    )
