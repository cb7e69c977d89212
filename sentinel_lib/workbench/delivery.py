"""The delivery: what the sources gave a run, judged and kept before anyone reads its values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.errors import ConfigError, UsageError
from sentinel_lib.ingestion import Fetched, Parsed, due_sessions
from sentinel_lib.ingestion.files import stem
from sentinel_lib.records.payload import Window
from sentinel_lib.records.stage import AssetLedger, AssetStatus, Check
from sentinel_lib.settings import Asset
from sentinel_lib.storage.orphans import remove_orphans
from sentinel_lib.storage.payloads import PayloadArchive
from sentinel_lib.storage.schemas import SCHEMAS
from sentinel_lib.validation import audit
from sentinel_lib.workbench.schema_drift import ComparedPayload, held_by_drift
from sentinel_lib.workbench.stage import Stage

_READING = ("payload", "layout")
_LOGGED = ("source", "locator", "symbol", *_READING, "date_format", "timezone", "bytes", "rows")


def last_bars(stage: Stage) -> dict[str, datetime]:
    """The timestamp of every asset's last good bar in Silver."""
    rows = stage.published.read_or_empty("silver.bars", columns=["symbol", "timestamp"])
    latest = rows.group_by("symbol").aggregate([("timestamp", "max")]).to_pylist()
    return {row["symbol"]: row["timestamp_max"] for row in latest}


def require_continuity(stage: Stage) -> None:
    """Refuse to go back in time, and to continue a series as another one.

    ``UsageError`` for an ``as_of`` before the published one; ``ConfigError`` for another interval,
    or simulated bars after real ones: nothing would say where one ends and the other begins.
    """
    published_as_of = max(
        (one.as_of for one in stage.published.commits("silver.bars")), default=None
    )
    if published_as_of is not None and stage.as_of < published_as_of:
        raise UsageError(
            f"as_of {stage.as_of.isoformat()} lies before what is published already",
            expected=f"{published_as_of.isoformat()} or later",
        )
    columns = ["symbol", "interval", "source"]
    rows = stage.published.read_or_empty("silver.bars", columns=columns)
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
    last = last_bars(stage)
    return {
        symbol: due_sessions(asset, stage.start, last.get(symbol), stage.as_of)
        for symbol, asset in stage.chosen.items()
    }


def bronze_ledgers(
    stage: Stage, fetched: Fetched, parsed: Parsed, compared: Sequence[ComparedPayload]
) -> dict[str, AssetLedger]:
    """Every chosen asset's raw rows, and whether its source delivered them in a known schema.

    Rows of a payload that Bronze holds already count as deduplicated.
    """
    stage.is_transient = any(failure.is_transient for failure in fetched.failures)
    known = _known_readings(stage)
    counts = parsed.bars.group_by([*_READING, "symbol"]).aggregate([([], "count_all")]).to_pylist()
    due = due_by_asset(stage)
    drifted = held_by_drift(compared)
    ledgers = {}
    for symbol, asset in stage.chosen.items():
        own = [row for row in counts if row["symbol"] == symbol]
        rows_in = sum(row["count_all"] for row in own)
        again = sum(row["count_all"] for row in own if tuple(row[n] for n in _READING) in known)
        status, reason = _delivery(stage, asset, rows_in, due[symbol], fetched, parsed)
        if status == "passed" and symbol in drifted:
            status, reason = "blocked", drifted[symbol]
        ledgers[symbol] = AssetLedger(
            status=status,
            reason=reason,
            rows_in=rows_in,
            promoted=rows_in - again,
            deduplicated=again,
        )
    return ledgers


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
    stage.lake.append("bronze.bars", rows, stage.commit)
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
    fetches = pa.Table.from_pylist(log, schema=SCHEMAS["bronze.fetches"])
    if len(fetches):
        stage.lake.overwrite(
            "bronze.fetches", fetches, stage.commit, only=f"run_id = '{stage.run_id}'"
        )


def unlisted_rows(stage: Stage, parsed: Parsed) -> dict[str, int]:
    """Rows whose symbol is no asset of this run. They stay in the payload archive and in Bronze."""
    counts = parsed.bars.group_by("symbol").aggregate([([], "count_all")]).to_pylist()
    return {
        row["symbol"] or "(blank)": row["count_all"]
        for row in counts
        if row["symbol"] not in stage.selected
    }


def rejected_payloads(stage: Stage, parsed: Parsed) -> list[Check]:
    """One failed check per payload that could not be read. It holds back the asset it was for."""
    return [
        Check(
            name="payload can be read",
            passed=False,
            table="bronze.bars",
            blocks=False,
            symbol=one.symbol or "",
            observed=one.reason,
            expected="a payload that its source can read",
        )
        for one in parsed.rejected
    ]


def audit_bronze(stage: Stage, parsed: Parsed) -> list[Check]:
    """The Bronze suite over the rows of the chosen assets; without any, there is nothing to audit.

    That no row came is a verdict on each asset, and so not the suite's to give.
    """
    rows = parsed.bars.filter(
        pc.is_in(parsed.bars["symbol"], pa.array(stage.selected, pa.string()))
    )
    return audit(stage.suite, rows.to_pandas()) if len(rows) else []


def _delivery(
    stage: Stage, asset: Asset, rows_in: int, due: int, fetched: Fetched, parsed: Parsed
) -> tuple[AssetStatus, str]:
    failed = {one.symbol: one.reason for one in fetched.failures}
    unread = {one.symbol or stem(one.locator): one.reason for one in parsed.rejected}
    if asset.is_paused(stage.as_of):
        return "paused", asset.reason or f"until {asset.paused_until}"
    if asset.symbol in failed:
        return "unreachable", failed[asset.symbol]
    if rows_in:
        return "passed", ""
    if asset.symbol in unread:
        return "blocked", unread[asset.symbol]
    if due:
        return "not_evaluated", f"{due} session(s) due and no row delivered: not evaluated"
    return "not_due", "no session is due"


def _known_readings(stage: Stage) -> set[tuple[str, ...]]:
    rows = stage.published.read_or_empty("bronze.bars", columns=list(_READING))
    return {tuple(row.values()) for row in rows.group_by(list(_READING)).aggregate([]).to_pylist()}
