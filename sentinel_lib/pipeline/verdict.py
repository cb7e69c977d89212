"""The verdict on a run: what its stages recorded, as one line per asset and one exit code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sentinel_lib.errors import PRECEDENCE, ExitCode, exit_code_of
from sentinel_lib.pipeline.options import FailOn
from sentinel_lib.records.stage import (
    HELD_BACK,
    AssetLedger,
    AssetStatus,
    RunStatus,
    StageOutcome,
    StageRecord,
)

FAILING_FRESHNESS: dict[FailOn, tuple[str, ...]] = {
    "error": ("stale",),
    "warn": ("stale", "late"),
    "never": (),
}

AssetLine = dict[str, Any]
_UNJUDGED = AssetLedger(status="not_evaluated")


def asset_lines(outcomes: Sequence[StageOutcome], symbols: Iterable[str]) -> dict[str, AssetLine]:
    """Per asset: status, rows_in, promoted, quarantined, deduplicated, freshness.

    The ledger is validation's, else the fetch's, which is no verdict: an asset that was only
    fetched, and one of ``symbols`` that no stage speaks of, were not evaluated. ``promoted`` are
    the rows that reached Silver.
    """
    records = {outcome.name: outcome.record for outcome in outcomes if outcome.record}
    fetched, judged, promoted = (
        records[stage].assets if stage in records else {}
        for stage in ("ingest", "validate", "promote_silver")
    )
    said = _said(outcomes)
    found = {}
    for symbol in sorted({*said, *symbols}):
        ledger = judged.get(symbol) or fetched.get(symbol, _UNJUDGED)
        is_only_fetched = symbol not in judged and ledger.status == "passed"
        held = [status for status in said.get(symbol, []) if status in HELD_BACK]
        found[symbol] = {
            "status": [*held, "not_evaluated" if is_only_fetched else ledger.status][0],
            "rows_in": ledger.rows_in,
            "promoted": promoted[symbol].promoted if symbol in promoted else 0,
            "quarantined": ledger.quarantined,
            "deduplicated": ledger.deduplicated,
            "freshness": _freshness(records.get("monitor"), symbol),
        }
    return found


def conditions(
    outcomes: Sequence[StageOutcome],
    lines: dict[str, AssetLine],
    fail_on: FailOn,
    *,
    is_cut_short: bool = False,
) -> list[ExitCode]:
    """Everything that is not as it should be, the most severe first; empty if all is well.

    ``is_cut_short``: not every stage was to run, so what none has said of an asset is no finding.
    """
    failed = [outcome for outcome in outcomes if outcome.status in ("failed", "blocked")]
    found = {
        ExitCode.GATE_BLOCKED if outcome.status == "blocked" else exit_code_of(outcome.error_name)
        for outcome in failed
    }
    if (
        failed or is_cut_short
    ):  # what a later stage would have said of an asset is missing, and is no finding
        found |= _held_back([_worst(said) for said in _said(outcomes).values()])
    else:
        found |= _held_back([line["status"] for line in lines.values()])
    if any(outcome.verdict == "degraded" for outcome in outcomes):
        found.add(ExitCode.DEGRADED)
    if any(line["freshness"] in FAILING_FRESHNESS[fail_on] for line in lines.values()):
        found.add(ExitCode.FRESHNESS)
    return sorted(found, key=PRECEDENCE.index)


def run_status(code: ExitCode) -> RunStatus:
    """The run in one word."""
    if code == ExitCode.OK:
        return "ok"
    if code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
        return "interrupted"
    return "degraded" if code in (ExitCode.DEGRADED, ExitCode.FRESHNESS) else "failed"


def _held_back(statuses: Collection[str]) -> set[ExitCode]:
    held = {status for status in statuses if status in HELD_BACK}
    if not held:
        return set()
    if {"passed", "not_due"} & set(statuses):
        return {ExitCode.DEGRADED}
    return {ExitCode.SOURCE_UNAVAILABLE if held == {"unreachable"} else ExitCode.GATE_BLOCKED}


def _said(outcomes: Iterable[StageOutcome]) -> dict[str, list[AssetStatus]]:
    """Per asset what the stages said of it, in their order: where it was held back first is why."""
    found: dict[str, list[AssetStatus]] = {}
    for outcome in outcomes:
        for symbol, ledger in outcome.record.assets.items() if outcome.record else ():
            found.setdefault(symbol, []).append(ledger.status)
    return found


def _worst(said: Sequence[AssetStatus]) -> AssetStatus:
    return next((status for status in said if status in HELD_BACK), said[-1])


def _freshness(monitor: StageRecord | None, symbol: str) -> str:
    """``details`` is whatever the notebook wrote: where it is not as agreed, nothing is known."""
    ages = monitor.details.get("freshness") if monitor else None
    age = ages.get(symbol) if isinstance(ages, dict) else None
    return str(age.get("status", "unknown")) if isinstance(age, dict) else "unknown"
