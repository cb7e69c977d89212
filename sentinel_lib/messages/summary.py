"""What the command line prints on standard output: for people, and as JSON."""

from collections.abc import Collection, Sequence
from typing import Any

from sentinel_lib.clock import iso
from sentinel_lib.errors import counted
from sentinel_lib.records.details import IngestDetails
from sentinel_lib.records.stage import HELD_BACK, NO_ASSET, RunRecord, StageOutcome
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
        "exit_code": run.final_exit_code,
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
    records = [stage.record for stage in run.stages if stage.record]
    ledgers = [item for record in records for item in record.assets.items()]
    checks = [check for record in records for check in record.checks]
    warnings = [check for check in checks if not (check.passed or check.blocks)]
    held: dict[str, str] = {}  # with the reason of the stage that did it first
    for symbol, ledger in ledgers:
        if ledger.status in HELD_BACK and ledger.reason:
            held.setdefault(symbol, ledger.reason)
    outside = {symbol: ledger.outside_hours for symbol, ledger in ledgers if ledger.outside_hours}
    skipped = {stage.name: stage.produced_by for stage in run.stages if stage.produced_by}
    paragraphs = [
        f"{_verdict(run)}\nrun {run.run_id}, as of {iso(run.as_of)}, {duration(run.seconds)}",
        _listed("unchanged, and skipped:", [f"{n} as in run {r}" for n, r in skipped.items()]),
        _listed("read:", [f"{file}: {how}" for file, how in _readings(run).items()]),
        assets_text(run),
        "\n".join(f"{line}: {run.assets[line].reason}" for line in NO_ASSET if line in run.assets),
        _listed("held back:", [f"{symbol}: {reason}" for symbol, reason in held.items()]),
        _listed("warnings:", [f"{c.symbol or c.table} {c.name}: {c.observed}" for c in warnings]),
        _listed(
            "outside trading hours, so in silver.bars and in no session:",
            [f"{symbol}: {counted(bars, 'bar')}" for symbol, bars in outside.items()],
        ),
        *(_failure(stage) for stage in run.stages if stage.status in ("failed", "blocked")),
        _closing(run),
    ]
    return "\n\n".join(filter(None, paragraphs))


def _readings(run: RunRecord) -> dict[str, str]:
    """How files were read that nobody has configured."""
    details = [stage.record.handed_on(IngestDetails) for stage in run.stages if stage.record]
    return {file: how for each in details if each for file, how in each.readings.items()}


def _verdict(run: RunRecord) -> str:
    if run.kind == "rollback":
        return ending(run)
    return f"{run.status}, exit code {run.exit_code}: {meaning(run.exit_code)}"


def _listed(title: str, lines: Sequence[str]) -> str:
    """``title`` and the first lines under it, and how many are left out; empty without any."""
    more = f"... and {len(lines) - SHOWN_LINES} more in the report"
    shown = [*lines[:SHOWN_LINES], *([more] if len(lines) > SHOWN_LINES else [])]
    return "\n  ".join([title, *shown]) if lines else ""


def _failure(stage: StageOutcome) -> str:
    cell = f" at {stage.cell}" if stage.cell else ""
    error = stage.error.replace("\n", "\n  ")
    return f"stage '{stage.name}' {stage.status}{cell}\n  {error}"


def _closing(run: RunRecord) -> str:
    if run.kind == "rollback":
        return ""
    report = f"report: {run.report or 'could not be written, see the log'}"
    if run.status not in ("failed", "interrupted"):
        return report
    return f"{report}\nnext: see the report, fix the cause, then: {resume_command(run)}"


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
            duration(run.seconds),
            f"{run.outcome}, undone" if run.run_id in undone else run.outcome,
            "" if run.final_exit_code is None else run.exit_code,
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
