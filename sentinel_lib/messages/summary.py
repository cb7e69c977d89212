"""What the command line prints on standard output: for people, and as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sentinel_lib.clock import iso
from sentinel_lib.records.stage import (
    HELD_BACK,
    NO_ASSET,
    UNENDED,
    AssetLedger,
    RunRecord,
    StageOutcome,
)
from sentinel_lib.reporting.wording import duration, ending, meaning, resume_command

SHOWN_ASSETS = 50
SHOWN_LINES = 10
ASSET_COLUMNS = ("status", "rows_in", "promoted", "quarantined", "deduplicated", "freshness")
_WELL = ("passed", "not_due", "paused")

Table = Sequence[Sequence[object]]


def run_object(run: RunRecord) -> dict[str, Any]:
    """A run as ``--json`` prints it."""
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        **({"restored": run.restored} if run.restored else {}),
        "as_of": iso(run.as_of),
        "status": run.status,
        "exit_code": None if run.status in UNENDED else run.exit_code,
        "conditions": run.conditions,
        "stages": [
            {
                "name": stage.name,
                "status": stage.status,
                "seconds": stage.seconds,
                **({"produced_by": stage.produced_by} if stage.produced_by else {}),
            }
            for stage in run.stages
        ],
        "assets": {symbol: asset.model_dump() for symbol, asset in run.assets.items()},
        "report": run.report,
    }


def run_text(run: RunRecord) -> str:
    """A run for a person: the verdict, the assets, what went wrong, where to read on."""
    seconds = (run.finished_at_utc - run.started_at_utc).total_seconds()
    parts = [
        f"{_verdict(run)}\nrun {run.run_id}, as of {iso(run.as_of)}, {duration(seconds)}",
        _skipped_text(run),
        assets_text(run),
        _unlisted_text(run),
        _held_text(run),
        _warnings_text(run),
        _outside_text(run),
        *(_failure_text(stage) for stage in run.stages if stage.status in ("failed", "blocked")),
        _closing_text(run),
    ]
    return "\n\n".join(part for part in parts if part)


def _verdict(run: RunRecord) -> str:
    if run.kind == "rollback":
        return ending(run)
    return f"{run.status}, exit code {run.exit_code}: {meaning(run.exit_code)}"


def assets_text(run: RunRecord) -> str:
    """A line per asset; of very many the ones in trouble first, and how many are left out."""
    symbols = list(run.assets)
    if len(symbols) > SHOWN_ASSETS:
        symbols.sort(key=lambda symbol: run.assets[symbol].status in _WELL)
    columns = ("freshness",) if run.kind == "rollback" else ASSET_COLUMNS
    heads = [column.replace("_", " ") for column in columns]
    rows = [
        [symbol, *(getattr(run.assets[symbol], column) for column in columns)]
        for symbol in symbols[:SHOWN_ASSETS]
    ]
    hidden = len(symbols) - len(rows)
    return aligned([["asset", *heads], *rows]) + (
        f"\n... and {hidden} more in the report" if hidden else ""
    )


def history_text(runs: Sequence[RunRecord], undone: Collection[str] = ()) -> str:
    """A line per run, with the rows that it added itself; ``undone`` are those taken back since."""
    heads = ["run", "as of", "took", "status", "exit", "promoted", "quarantined"]
    rows = [
        [
            run.run_id,
            iso(run.as_of),
            duration((run.finished_at_utc - run.started_at_utc).total_seconds()),
            f"{run.outcome}, undone" if run.run_id in undone else run.outcome,
            "" if run.status in UNENDED else run.exit_code,
            *(["", ""] if run.restored else [run.rows("promoted"), run.rows("quarantined")]),
        ]
        for run in runs
    ]
    return aligned([heads, *rows])


def aligned(table: Table) -> str:
    """Columns two spaces apart, numbers to the right, thousands separated."""
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    is_number = [any(isinstance(row[i], int) for row in table[1:]) for i in range(len(widths))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ).rstrip()
        for row in texts
    )


def _unlisted_text(run: RunRecord) -> str:
    lines = [
        f"{symbol}: {run.assets[symbol].reason}" for symbol in NO_ASSET if symbol in run.assets
    ]
    return "\n".join(lines)


def _skipped_text(run: RunRecord) -> str:
    skipped = {stage.name: stage.produced_by for stage in run.stages if stage.produced_by}
    lines = [f"  {name} as in run {produced_by}" for name, produced_by in skipped.items()]
    return "\n".join(["unchanged, and skipped:", *lines]) if lines else ""


def _held_text(run: RunRecord) -> str:
    """Why assets are held back, by the stage that did it first."""
    reasons: dict[str, str] = {}
    for symbol, ledger in _ledgers(run):
        if ledger.status in HELD_BACK and ledger.reason:
            reasons.setdefault(symbol, ledger.reason)
    return _bounded("held back:", [f"{symbol}: {reason}" for symbol, reason in reasons.items()])


def _outside_text(run: RunRecord) -> str:
    lines = [
        f"{symbol}: {ledger.outside_hours:,} bars"
        for symbol, ledger in _ledgers(run)
        if ledger.outside_hours
    ]
    return _bounded("outside hours, in silver.bars and in no session:", lines)


def _ledgers(run: RunRecord) -> Iterator[tuple[str, AssetLedger]]:
    for stage in run.stages:
        yield from stage.record.assets.items() if stage.record else ()


def _warnings_text(run: RunRecord) -> str:
    """The checks that failed and only warn, of each asset."""
    warnings = [
        f"{check.symbol or check.table} {check.name}: {check.observed}"
        for stage in run.stages
        for check in (stage.record.checks if stage.record else ())
        if not check.passed and not check.blocks
    ]
    return _bounded("warnings:", warnings)


def _bounded(title: str, lines: Sequence[str]) -> str:
    """``title`` and the first lines under it, and how many are left out; empty without any."""
    hidden = len(lines) - SHOWN_LINES
    more = [f"... and {hidden} more in the report"] if hidden > 0 else []
    shown = [f"  {line}" for line in [*lines[:SHOWN_LINES], *more]]
    return "\n".join([title, *shown]) if lines else ""


def _failure_text(stage: StageOutcome) -> str:
    where = f" at {stage.cell}" if stage.cell else ""
    error = "\n".join(f"  {line}" for line in stage.error.splitlines())
    return f"stage '{stage.name}' {stage.status}{where}\n{error}"


def _closing_text(run: RunRecord) -> str:
    if run.kind == "rollback":
        return ""
    lines = [f"report: {run.report}" if run.report else "report: could not be written, see the log"]
    if run.status in ("failed", "interrupted"):
        lines.append(f"next: see the report, mend the cause, then: {resume_command(run)}")
    return "\n".join(lines)
