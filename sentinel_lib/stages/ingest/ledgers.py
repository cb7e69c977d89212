"""Where every asset's raw rows are, and whether its source delivered what was due."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from sentinel_lib.calendars import trouble
from sentinel_lib.errors import counted, listed
from sentinel_lib.ingestion.fetches import Fetched, Parsed
from sentinel_lib.ingestion.files import file_of, own_locator, stem
from sentinel_lib.ingestion.raw_bars import PROVENANCE_COLUMNS
from sentinel_lib.ingestion.schedule import due_sessions
from sentinel_lib.records.details import IngestDetails
from sentinel_lib.records.payload import Window
from sentinel_lib.records.stage import AssetLedger, AssetStatus
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages.origin import recorded_ingest
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.unlisted import unlisted_counts, unlisted_ledgers

Delivery = tuple[AssetStatus, str]
"""An asset's status, and the reason for it."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows by symbol ("" for none): all of a batch, and those that Bronze holds ``already``."""

    all: Counter[str] = field(default_factory=Counter)
    already: Counter[str] = field(default_factory=Counter)


def windows_shown(windows: Iterable[Window]) -> pd.DataFrame:
    """What is asked for, a row per asset; ``start`` and ``end`` are UTC."""
    return pd.DataFrame(list(windows), columns=["symbol", "start", "end"])


def due_by_asset(stage: Stage, last_bars: Mapping[str, datetime]) -> dict[str, int]:
    """How many sessions of each chosen asset should have been delivered by now.

    A replay asks nobody for anything new; a rebuild expects what was expected then.
    """
    if stage.is_replay:
        return dict.fromkeys(stage.selected, 0)
    recorded = recorded_ingest(stage).handed_on(IngestDetails) if stage.archive else None
    if recorded is not None:
        return recorded.due_sessions
    return {
        symbol: due_sessions(asset, stage.start, last_bars.get(symbol), stage.as_of)
        for symbol, asset in stage.chosen.items()
    }


def count_rows(parsed: Parsed, known_readings: set[tuple[str, ...]]) -> RowCounts:
    """The rows of a batch by symbol; of ``known_readings`` Bronze holds the rows already."""
    counts = RowCounts(Counter(parsed.unchanged_rows), Counter(parsed.unchanged_rows))
    alike = parsed.bars.unify_dictionaries()
    groups = alike.group_by([*PROVENANCE_COLUMNS, "symbol"]).aggregate([([], "count_all")])
    for row in groups.to_pylist():
        symbol, count = row["symbol"] or "", row["count_all"]
        counts.all[symbol] += count
        if tuple(row[name] for name in PROVENANCE_COLUMNS) in known_readings:
            counts.already[symbol] += count
    return counts


def deliveries(
    chosen: Mapping[str, Asset],
    due: Mapping[str, int],
    fetched: Fetched,
    parsed: Parsed,
    drifted: Mapping[str, str],
    as_of: datetime,
    is_replay: bool,
) -> dict[str, Delivery]:
    """For each chosen asset whether its source delivered what was ``due``, in a known schema."""
    failed = {failure.symbol: failure.reason for failure in fetched.failures}
    unread = {payload.symbol or stem(payload.locator): payload for payload in parsed.rejected}
    symbols = {symbol for payload in parsed.log for symbol in payload.symbols}

    def delivery(symbol: str, asset: Asset) -> Delivery:
        if asset.is_paused(as_of):
            return "paused", asset.reason or f"until {asset.paused_until}"
        if problem := trouble(asset.calendar, as_of.date()):
            return "blocked", problem
        if symbol in failed:
            return "unreachable", failed[symbol]
        if symbol in symbols and asset.question:
            return "blocked", asset.question
        if symbol in symbols:
            return ("blocked", drifted[symbol]) if symbol in drifted else ("passed", "")
        if symbol in unread:
            return "blocked", unread[symbol].reason
        if not is_replay and (reason := _why_no_row(asset, parsed)):
            return "not_evaluated", reason
        if due[symbol]:
            sessions = counted(due[symbol], "session")
            return "not_evaluated", f"{sessions} due and no row delivered: not evaluated"
        return "not_due", "no session is due"

    return {symbol: delivery(symbol, asset) for symbol, asset in chosen.items()}


def bronze_ledgers(
    delivered: Mapping[str, Delivery], counts: RowCounts, assets: Mapping[str, Asset]
) -> dict[str, AssetLedger]:
    """Every delivered asset's raw rows; those of none of the ``assets`` in lines of their own.

    Rows of a payload that Bronze holds already count as deduplicated.
    """
    ledgers = {
        symbol: AssetLedger(
            status=status,
            reason=reason,
            rows_in=counts.all[symbol],
            promoted=counts.all[symbol] - counts.already[symbol],
            deduplicated=counts.already[symbol],
        )
        for symbol, (status, reason) in delivered.items()
    }
    unlisted, already = (unlisted_counts(assets, rows) for rows in (counts.all, counts.already))
    return ledgers | unlisted_ledgers(unlisted, already)


def _why_no_row(asset: Asset, parsed: Parsed) -> str:
    """What an asset's own file holds instead of its rows; empty where no file is its own."""
    file = own_locator(asset)
    unread = [payload.reason for payload in parsed.rejected if file_of(payload.locator) == file]
    if unread:
        return unread[0]
    read = [payload for payload in parsed.log if file_of(payload.locator) == file]
    if not read:
        return ""
    names = sorted({symbol for payload in read for symbol in payload.symbols})
    return (
        f"{file} gave it no row: the symbols there are {listed(names) or 'none'}; "
        f"set source_symbol: {names[0] if names else '...'} if that is this asset"
    )
