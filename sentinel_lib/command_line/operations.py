"""What operations found, in words and as JSON."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal
from typing import Any

from sentinel_lib.gold_metrics import price_text
from sentinel_lib.operations.difference import Difference
from sentinel_lib.operations.rebuild import Verification
from sentinel_lib.operations.replacement import Replacement
from sentinel_lib.operations.retention import Tidied
from sentinel_lib.records.bar import plain_number
from sentinel_lib.records.inspection import Inspection

MAX_METRICS = 40


def difference_text(found: Difference) -> str:
    """A line per table that differs, the keys of a few rows, and the figures that changed."""
    if found.is_none:
        return "no difference"
    lines = []
    for name, table in found.tables.items():
        if table.is_none:
            continue
        lines.append(
            f"{name}: {table.added} added, {table.removed} removed, {table.changed} changed"
        )
        for part, rows in table.samples.items():
            lines += [
                f"  {part}: {', '.join(_said(*item) for item in row.items())}" for row in rows
            ]
            more = getattr(table, part) - len(rows)
            lines += [f"  {part}: and {more} more"] if more > 0 else []
    for symbol, metric, before, after in found.metrics[:MAX_METRICS]:
        lines.append(f"{symbol} {metric}: {_shown(before)} -> {_shown(after)}")
    more = len(found.metrics) - MAX_METRICS
    return "\n".join([*lines, f"and {more} more figures"] if more > 0 else lines)


def difference_object(found: Difference) -> dict[str, Any]:
    """The same for a program."""
    return {
        "tables": {
            name: {
                "added": table.added,
                "removed": table.removed,
                "changed": table.changed,
                "samples": {
                    part: [{name: _written(value) for name, value in row.items()} for row in rows]
                    for part, rows in table.samples.items()
                },
            }
            for name, table in found.tables.items()
        },
        "metrics": [
            {"symbol": symbol, "metric": metric, "before": _plain(before), "after": _plain(after)}
            for symbol, metric, before, after in found.metrics
        ],
    }


def verification_text(found: Verification) -> str:
    """What was compared, and what differs."""
    lines = [f"run {found.run_id}: {found.rebuilt_runs} run(s) built again from the archive"]
    lines += [f"  compared {name} ({digest[:12]})" for name, digest in found.compared.items()]
    lines += [f"  note: {note}" for note in found.notes]
    if not found.problems:
        return "\n".join([*lines, "what is published is what the archive gives"])
    lines += [f"  DIFFERS: {problem}" for problem in found.problems]
    return "\n".join([*lines, f"next: {_after(found)}"])


def _after(found: Verification) -> str:
    if not found.rebuilt_runs:
        return "python run_pipeline.py verify --quick, which asks for lost payloads again"
    return "python run_pipeline.py verify --repair, or diff RUN RUN, or rollback RUN"


def verification_object(found: Verification) -> dict[str, Any]:
    """The same for a program."""
    return {
        "run_id": found.run_id,
        "rebuilt_runs": found.rebuilt_runs,
        "compared": found.compared,
        "problems": found.problems,
        "notes": found.notes,
    }


def inspection_text(found: Inspection) -> str:
    """What was looked at, what is wrong with it, and what came back."""
    looked = f"{found.files} file(s) of tables and {found.payloads} payload(s) looked at"
    lines = [f"RECOVERED: {payload}" for payload in found.recovered]
    lines += [f"DAMAGED: {problem}" for problem in found.problems]
    return "\n".join([looked, *lines, *([] if found.problems else ["all are what was written"])])


def inspection_object(found: Inspection) -> dict[str, Any]:
    """The same for a program."""
    return found.model_dump(mode="json")


def upgrade_text(found: Replacement | None) -> str:
    """What an upgrade has changed."""
    if found is None or found.difference is None:
        return "nothing to do: the tables are of the version that this release writes"
    built = found.built
    lines = [f"upgraded: {built.rebuilt_runs} run(s) built again from the archive"]
    lines += [f"  NOT PASSED by today's code: {problem}" for problem in built.problems]
    return "\n".join([*lines, "what differs:", difference_text(found.difference)])


def repair_text(found: Replacement) -> str:
    """What a repair has put in order."""
    if not found.replaced:
        return "nothing to repair: what is published is what the archive gives"
    lines = [f"replaced {name}" for name in found.replaced]
    lines += [f"  because {problem}" for problem in found.built.problems]
    return "\n".join([*lines, *(f"note: {note}" for note in found.built.notes)])


def replacement_object(found: Replacement | None) -> dict[str, Any]:
    """Either of them for a program."""
    if found is None:
        return {"replaced": [], "rebuilt_runs": 0, "problems": [], "notes": []}
    return {
        "replaced": found.replaced,
        "rebuilt_runs": found.built.rebuilt_runs,
        "problems": found.built.problems,
        "notes": found.built.notes,
        **({"difference": difference_object(found.difference)} if found.difference else {}),
    }


def tidied_text(found: Tidied) -> str:
    """What was removed."""
    lines = [f"{name}: {count} file(s) removed" for name, count in found.files.items()]
    lines += [f"{found.strays} stray file(s) removed"] if found.strays else []
    return "\n".join(lines) or "nothing to remove"


def _said(name: str, value: Any) -> str:
    """A part of what a row is called by, or of a row that changed a value before and after."""
    if isinstance(value, tuple):
        return f"{name} {_shown(value[0])} -> {_shown(value[1])}"
    return _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time() else f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, float):
        return price_text(value)
    return "none" if value is None else str(_plain(value))


def _written(value: Any) -> Any:
    return list(map(_shown, value)) if isinstance(value, tuple) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_number(value)
    return value if value is None or isinstance(value, int | float | str) else str(value)
