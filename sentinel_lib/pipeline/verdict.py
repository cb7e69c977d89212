"""The verdict on a run: what its stages recorded, as one line per asset and one exit code."""

from collections.abc import Collection, Iterable, Sequence
from typing import get_args

from sentinel_lib.errors import PRECEDENCE, ExitCode, StageError, exit_code_of, listed
from sentinel_lib.records.details import Freshness, MonitorDetails
from sentinel_lib.records.request import FailOn
from sentinel_lib.records.roles import INGEST, MONITOR, PROMOTE_SILVER, VALIDATE
from sentinel_lib.records.stage import (
    HELD_BACK,
    NO_ASSET,
    AssetLedger,
    AssetOutcome,
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

_UNJUDGED = AssetLedger(status="not_evaluated")


def asset_outcomes(
    outcomes: Sequence[StageOutcome], symbols: Iterable[str]
) -> dict[str, AssetOutcome]:
    """How each asset ended.

    The ledger is validation's, else the fetch's, which does not judge: an asset that was only
    fetched, and one of ``symbols`` that no stage speaks of, were not evaluated. ``promoted`` are
    the rows that reached Silver. Rows of no asset have lines of their own, last, with a ``reason``
    in the place of a freshness.
    """
    records = {outcome.name: outcome.record for outcome in outcomes if outcome.record}
    fetched, judged, promoted = (
        records[stage].assets if stage in records else {}
        for stage in (INGEST, VALIDATE, PROMOTE_SILVER)
    )
    statuses, ages = _statuses(outcomes), _freshness(records.get(MONITOR))
    lines = {}
    for symbol in [*sorted({*statuses, *symbols} - set(NO_ASSET)), *filter(statuses.get, NO_ASSET)]:
        ledger = judged.get(symbol) or fetched.get(symbol, _UNJUDGED)
        is_only_fetched = symbol not in judged and ledger.status == "passed"
        held = [status for status in statuses.get(symbol, []) if status in HELD_BACK]
        lines[symbol] = AssetOutcome(
            status=[*held, "not_evaluated" if is_only_fetched else ledger.status][0],
            rows_in=ledger.rows_in,
            promoted=promoted[symbol].promoted if symbol in promoted else 0,
            quarantined=ledger.quarantined,
            deduplicated=ledger.deduplicated,
            freshness="" if symbol in NO_ASSET else ages.get(symbol, ""),
            **({"reason": ledger.reason} if symbol in NO_ASSET else {}),
        )
    return lines


def conditions(
    outcomes: Sequence[StageOutcome],
    assets: dict[str, AssetOutcome],
    fail_on: FailOn,
    *,
    is_cut_short: bool = False,
) -> list[ExitCode]:
    """Everything that is not as it should be, the most severe first; empty if all is well.

    ``is_cut_short``: not every stage was to run, so an asset that none judged does not count.
    """
    failed = [outcome for outcome in outcomes if outcome.status in ("failed", "blocked")]
    codes = {
        ExitCode.GATE_BLOCKED if outcome.status == "blocked" else exit_code_of(outcome.error_name)
        for outcome in failed
    }
    if failed or is_cut_short:  # what a later stage would have said of an asset is no finding
        ends: list[str] = [
            next((status for status in statuses if status in HELD_BACK), statuses[-1])
            for statuses in _statuses(outcomes).values()
        ]
    else:
        ends = [asset.status for asset in assets.values()]
    codes |= _held_back(ends)
    if any(outcome.verdict == "degraded" for outcome in outcomes):
        codes.add(ExitCode.DEGRADED)
    if any(asset.freshness in FAILING_FRESHNESS[fail_on] for asset in assets.values()):
        codes.add(ExitCode.FRESHNESS)
    return sorted(codes, key=PRECEDENCE.index)


def held_to_freshness(
    outcomes: Sequence[StageOutcome], symbols: Iterable[str]
) -> list[StageOutcome]:
    """The outcomes of a whole run; the monitor has failed where all went well, and yet it has not
    said of every asset how old its data is.

    That there is no good bar is an answer, but not about an asset whose bars have just passed.
    """
    others = [outcome for outcome in outcomes if outcome.name != MONITOR]
    monitor = next((outcome for outcome in outcomes if outcome.name == MONITOR), None)
    record = monitor.record if monitor else None
    is_answered = record is not None and record.handed_on(MonitorDetails) is not None
    silent = [
        symbol
        for symbol, asset in asset_outcomes(outcomes, symbols).items()
        if symbol not in NO_ASSET
        and (not asset.freshness or (asset.freshness == "unknown" and asset.status == "passed"))
    ]
    went_well = all(outcome.verdict in ("ok", "degraded") for outcome in outcomes)
    if not went_well or (is_answered and not silent):
        return list(outcomes)
    seen = f"freshness of {', '.join(_freshness(record)) or 'no asset'}"
    missing = StageError(
        f"stage '{MONITOR}' recorded no freshness of {listed(silent) or 'any asset'}",
        observed=seen if record else "no record of that stage",
        expected=f"each asset's status, one of {', '.join(get_args(Freshness))}",
        next_step="restore the last cell of 50_monitor.ipynb, which records the freshness",
    )
    failed = {"status": "failed", "error_name": "StageError", "error": str(missing)}
    known = monitor or StageOutcome(name=MONITOR, status="failed")
    return [*others, known.model_copy(update={**failed, "produced_by": ""})]


def run_status(code: ExitCode) -> RunStatus:
    """The run in one word."""
    if code == ExitCode.OK:
        return "ok"
    if code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
        return "interrupted"
    return "degraded" if code in (ExitCode.DEGRADED, ExitCode.FRESHNESS) else "failed"


def _held_back(statuses: Collection[str]) -> set[ExitCode]:
    if not (held := HELD_BACK.intersection(statuses)):
        return set()
    if {"passed", "not_due"} & set(statuses):
        return {ExitCode.DEGRADED}
    return {ExitCode.SOURCE_UNAVAILABLE if held == {"unreachable"} else ExitCode.GATE_BLOCKED}


def _statuses(outcomes: Iterable[StageOutcome]) -> dict[str, list[AssetStatus]]:
    """Per asset what the stages said of it, in their order: where it was held back first is why."""
    statuses: dict[str, list[AssetStatus]] = {}
    for outcome in outcomes:
        for symbol, ledger in outcome.record.assets.items() if outcome.record else ():
            statuses.setdefault(symbol, []).append(ledger.status)
    return statuses


def _freshness(monitor: StageRecord | None) -> dict[str, Freshness]:
    details = monitor.handed_on(MonitorDetails) if monitor else None
    return {symbol: age.status for symbol, age in details.freshness.items()} if details else {}
