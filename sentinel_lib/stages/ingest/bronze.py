"""The delivery: what the sources gave a run, judged and kept before anyone reads its values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sentinel_lib.calendars import trouble
from sentinel_lib.errors import ConfigError, UsageError
from sentinel_lib.ingestion import Fetched, Parsed, due_sessions
from sentinel_lib.ingestion.files import locator_of, stem
from sentinel_lib.records.payload import Window
from sentinel_lib.records.roles import BRONZE_BARS, BRONZE_FETCHES, SILVER_BARS
from sentinel_lib.records.stage import NO_ASSET, AssetLedger, AssetStatus, Check
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.sources import FilesOptions
from sentinel_lib.stages.ingest.schema_drift import ComparedPayload, held_by_drift
from sentinel_lib.stages.silver import last_bars
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.unlisted import unlisted_counts, unlisted_ledgers
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.orphans import remove_orphans
from sentinel_lib.storage.payloads import PayloadArchive
from sentinel_lib.validation import audit

_READING = ("payload", "layout")
_SHOWN_SYMBOLS = 5
_LOGGED = ("source", "locator", "symbol", *_READING, "date_format", "timezone", "bytes", "rows")


def require_continuity(stage: Stage) -> None:
    """Refuse to go back in time, and to continue a series as another one.

    ``UsageError`` for an ``as_of`` before the published one, which is that of the newest commit: a
    rollback has taken it back with what it restored. ``ConfigError`` for another interval,
    or simulated bars after real ones: nothing would say where one ends and the other begins.
    """
    commits = stage.published.commits(SILVER_BARS)
    if commits and stage.as_of < commits[-1].as_of:
        raise UsageError(
            f"as_of {stage.as_of.isoformat()} lies before what is published already",
            expected=f"{commits[-1].as_of.isoformat()} or later",
        )
    columns = ["symbol", "interval", "source"]
    rows = stage.published.read_or_empty(SILVER_BARS, columns=columns)
    for row in rows.group_by(columns).aggregate([]).sort_by("symbol").to_pylist():
        asset = stage.chosen.get(row["symbol"])
        if asset is None:
            continue
        kinds: dict[str, tuple[str, str]] = {"interval": (row["interval"], asset.interval)}
        if "simulated" in (row["source"], asset.source):
            kinds["source"] = (row["source"], asset.source)
        for what, (published, configured) in kinds.items():
            if published != configured:
                raise ConfigError(
                    f"{asset.symbol}: its published bars have {what} '{published}', "
                    f"and its configuration says '{configured}'",
                    expected=f"{what}: {published}",
                    next_step="give the series another symbol, or a fresh folder by --data DIR",
                )


def windows_shown(windows: Iterable[Window]) -> pd.DataFrame:
    """What is asked for, a row per asset."""
    rows = [(one.symbol, one.start, one.end) for one in windows]
    return pd.DataFrame(rows, columns=["symbol", "start", "end"])


def due_by_asset(stage: Stage) -> dict[str, int]:
    """How many sessions of each chosen asset should have been delivered by now.

    A replay asks nobody for anything new; a rebuild expects what was expected then.
    """
    if stage.is_replay:
        return dict.fromkeys(stage.selected, 0)
    if stage.archive:
        return dict(stage.recorded_ingest().details["due_sessions"])
    last = last_bars(stage.input(SILVER_BARS))
    return {
        symbol: due_sessions(asset, stage.start, last.get(symbol), stage.as_of)
        for symbol, asset in stage.chosen.items()
    }


def bronze_ledgers(
    stage: Stage, fetched: Fetched, parsed: Parsed, compared: Sequence[ComparedPayload]
) -> dict[str, AssetLedger]:
    """Every chosen asset's raw rows, and whether its source delivered them in a known schema.

    Rows of a payload that Bronze holds already count as deduplicated, those of no asset in lines
    of their own.
    """
    stage.is_transient = any(failure.is_transient for failure in fetched.failures)
    rows, again = _rows_by_symbol(stage, parsed)
    due = due_by_asset(stage)
    drifted = held_by_drift(compared)
    ledgers = {}
    for symbol, asset in stage.chosen.items():
        rows_in = rows[symbol]
        status, reason = _delivery(stage, asset, rows_in, due[symbol], fetched, parsed)
        if status == "passed" and symbol in drifted:
            status, reason = "blocked", drifted[symbol]
        ledgers[symbol] = AssetLedger(
            status=status,
            reason=reason,
            rows_in=rows_in,
            promoted=rows_in - again[symbol],
            deduplicated=again[symbol],
        )
    known = {line: sum(one.values()) for line, one in unlisted_counts(stage, again).items()}
    return ledgers | unlisted_ledgers(unlisted_counts(stage, rows), known)


def store_batch(
    stage: Stage, fetched: Fetched, parsed: Parsed, compared: Sequence[ComparedPayload]
) -> None:
    """Keep a batch: the payloads byte for byte, their rows as text, and the log of the fetches.

    In this order, so that whatever the log names is there, wherever a run is killed. Before that,
    what killed runs left half done is removed.
    """
    remove_orphans(stage.lake)
    archive = PayloadArchive(stage.output)
    for payload, _ in fetched.payloads:
        archive.store(payload.content)
    known = _known_readings(stage)
    is_new = {one.payload: (one.payload, one.layout) not in known for one in parsed.log}
    new = [payload for payload, new in is_new.items() if new]
    rows = parsed.bars.filter(pc.is_in(parsed.bars["payload"], pa.array(new, pa.string())))
    if stage.is_by_hand:  # beside what is published there are the rows of this try, and no other's
        stage.lake.overwrite(BRONZE_BARS, rows, stage.commit)
    else:
        stage.lake.append(BRONZE_BARS, rows, stage.commit)
    log = [
        {
            "run_id": stage.run_id,
            "as_of": stage.fetched_as_of.get(one.payload, stage.as_of),
            "symbols": json.dumps(one.symbols, ensure_ascii=False),
            "columns": schema.columns,
            **{name: getattr(one, name) for name in _LOGGED},
        }
        for one, schema in zip(parsed.log, compared, strict=True)
    ]
    fetches = pa.Table.from_pylist(log, schema=schema_of(BRONZE_FETCHES))
    if len(fetches) or stage.is_by_hand:
        of_the_run = ds.field("run_id") == stage.run_id
        stage.lake.overwrite(BRONZE_FETCHES, fetches, stage.commit, only=of_the_run)


def rejected_payloads(parsed: Parsed) -> list[Check]:
    """One failed check per payload that could not be read. It holds back the asset it was for."""
    return [
        Check(
            name="payload can be read",
            passed=False,
            table=BRONZE_BARS,
            blocks=False,
            symbol=one.symbol or "",
            observed=one.reason,
            expected="a payload that its source can read",
        )
        for one in parsed.rejected
    ]


def audit_bronze(stage: Stage, parsed: Parsed) -> list[Check]:
    """The Bronze suite over the rows of the chosen assets; without any, there is nothing to audit.

    That no row came is a verdict on each asset, and so not the suite's to give. That all that came
    is rows of no asset is a failure: nothing would tell that the symbols are other ones.
    """
    rows = parsed.bars.filter(
        pc.is_in(parsed.bars["symbol"], pa.array(stage.selected, pa.string()))
    )
    unlisted = [stage.ledgers[line].reason for line in NO_ASSET if line in stage.ledgers]
    if unlisted and not len(rows) and not stage.is_replay:
        held = [f"{symbol}: {stage.ledgers[symbol].reason}" for symbol in stage.selected]
        return [
            Check(
                name="rows of an asset",
                passed=False,
                table=BRONZE_BARS,
                observed="; ".join([*unlisted, *held[:_SHOWN_SYMBOLS]]),
                expected="at least 1",
            )
        ]
    return audit(stage.suite, rows.to_pandas()) if len(rows) else []


def _delivery(
    stage: Stage, asset: Asset, rows_in: int, due: int, fetched: Fetched, parsed: Parsed
) -> tuple[AssetStatus, str]:
    failed = {one.symbol: one.reason for one in fetched.failures}
    unread = {one.symbol or stem(one.locator): one.reason for one in parsed.rejected}
    if asset.is_paused(stage.as_of):
        return "paused", asset.reason or f"until {asset.paused_until}"
    if problem := trouble(asset.calendar, stage.as_of.date()):
        return "blocked", problem
    if asset.symbol in failed:
        return "unreachable", failed[asset.symbol]
    if rows_in:
        return "passed", ""
    if asset.symbol in unread:
        return "blocked", unread[asset.symbol]
    if not stage.is_replay and (reason := _why_no_row(asset, parsed)):
        return "not_evaluated", reason
    if due:
        return "not_evaluated", f"{due} session(s) due and no row delivered: not evaluated"
    return "not_due", "no session is due"


def _why_no_row(asset: Asset, parsed: Parsed) -> str:
    """What an asset's own file holds instead of its rows; empty where no file is its own."""
    if not isinstance(asset.options, FilesOptions):
        return ""
    file = locator_of(in_project(asset.options.path))
    unread = [one.reason for one in parsed.rejected if one.locator == file]
    if unread:
        return unread[0]
    read = [one for one in parsed.log if one.locator == file]
    if not read:
        return ""
    names = sorted({symbol for one in read for symbol in one.symbols})
    more = f" and {len(names) - _SHOWN_SYMBOLS} more" if len(names) > _SHOWN_SYMBOLS else ""
    held = ", ".join(names[:_SHOWN_SYMBOLS]) + more or "none"
    return (
        f"{file} gave it no row: the symbols there are {held}; "
        f"set source_symbol: {names[0] if names else '...'} if that is this asset"
    )


def _rows_by_symbol(stage: Stage, parsed: Parsed) -> tuple[Counter[str], Counter[str]]:
    """How many rows each symbol has, and how many of them Bronze holds already."""
    known = _known_readings(stage)
    counts = parsed.bars.group_by([*_READING, "symbol"]).aggregate([([], "count_all")]).to_pylist()
    rows: Counter[str] = Counter()
    again: Counter[str] = Counter()
    for row in counts:
        rows[row["symbol"] or ""] += row["count_all"]
        if tuple(row[name] for name in _READING) in known:
            again[row["symbol"] or ""] += row["count_all"]
    return rows, again


def _known_readings(stage: Stage) -> set[tuple[str, ...]]:
    rows = stage.published.read_or_empty(BRONZE_BARS, columns=list(_READING))
    return {tuple(row.values()) for row in rows.group_by(list(_READING)).aggregate([]).to_pylist()}
