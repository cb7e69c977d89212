"""What commands say on standard output: how a run has ended, what operations found or did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from sentinel_lib.clock import iso
from sentinel_lib.errors import ExitCode, counted
from sentinel_lib.messages import summary
from sentinel_lib.operations.results import Difference, Replacement, Tidied, Verification
from sentinel_lib.records.bar import plain_number
from sentinel_lib.records.inspection import Inspection
from sentinel_lib.records.previews import FilePreview
from sentinel_lib.records.stage import RunRecord

if TYPE_CHECKING:
    from sentinel_lib.skipping.selection import Outlook

MAX_METRICS = 40
MAX_SERIES = 20
_VERIFIED = "what is published is what the archive gives"


class Answer(NamedTuple):
    """A text, the object that ``--json`` prints in its place, and the exit code.

    Where the text is empty, neither is printed.
    """

    text: str
    content: Mapping[str, Any]
    exit_code: int = ExitCode.OK

    def say(self, *, is_json: bool) -> None:
        """Print it."""
        if self.text:
            print(json.dumps(self.content, ensure_ascii=False) if is_json else self.text)


def of_run(record: RunRecord) -> Answer:
    """How a run has ended, and its exit code."""
    return Answer(summary.run_text(record), summary.run_object(record), record.exit_code)


def of_previews(files: Sequence[FilePreview]) -> Answer:
    """How each file would be read, what its bars tell, and what it asks."""
    text = "\n\n".join(map(_preview, files))
    has_questions = any(file.question or any(s.question for s in file.series) for file in files)
    return Answer(text, {"files": [asdict(file) for file in files]}, _gate(has_questions))


def _preview(file: FilePreview) -> str:
    if file.question:
        return f"{file.file} is not read:\n  " + file.question.replace("\n", "\n  ")
    heads = ("symbol", "bars", "first", "last", "interval", "calendar", "fields", "missing", "fits")
    series = [[getattr(each, head) for head in heads] for each in file.series]
    columns = [
        [column.name or "(no name)", column.kind, ", ".join(column.fields) or "not read"]
        for column in file.columns
    ]
    parts = [
        f"{file.file}: {counted(file.rows, 'row')}, {file.words}",
        summary.aligned([["column", "holds", "read as"], *_shown_rows(columns)]),
        summary.aligned([heads, *_shown_rows(series)]),
        *(f"question: {each.symbol}: {each.question}" for each in file.series if each.question),
    ]
    if file.symbols_pattern:
        parts.append(f"the symbol alone: symbols: '{file.symbols_pattern}' under sources: files")
    if lines := file.yaml.splitlines():
        more = [f"# ... and {len(lines) - MAX_SERIES} more"] if len(lines) > MAX_SERIES else []
        parts += ["to fix it, under assets in assets.yaml:", *lines[:MAX_SERIES], *more]
    return "\n  ".join("\n".join(parts).split("\n"))


def _shown_rows(rows: Sequence[Sequence[object]]) -> list[Sequence[object]]:
    """The first rows, and how many are left out."""
    hidden = len(rows) - MAX_SERIES
    more = [[f"and {hidden} more", *[""] * (len(rows[0]) - 1)]] if hidden > 0 else []
    return [*rows[:MAX_SERIES], *more]


def of_outlook(outlook: Outlook) -> Answer:
    """What the pipeline would do with a stage, and why."""
    at = f"as of {iso(outlook.as_of)}"
    lines = [f"{outlook.stage} would run {at}, because"]
    lines += [f"  {reason}" for reason in outlook.reasons]
    if not outlook.reasons:
        lines = [f"{outlook.stage} would be skipped {at}: nothing that it reads has changed"]
        if outlook.before:
            names = ", ".join(outlook.before)
            lines[0] += f", unless {names}, which would run before it, changes that"
    lines += [f"it last ran in run {outlook.produced_by}"] if outlook.produced_by else []
    content = {
        "stage": outlook.stage,
        "as_of": iso(outlook.as_of),
        "would_run": bool(outlook.reasons),
        "because": outlook.reasons,
        "last_executed_in": outlook.produced_by or None,
        "would_run_before": outlook.before,
    }
    return Answer("\n".join(lines), content)


def of_difference(difference: Difference) -> Answer:
    """A line per table that differs, the keys of a few rows, and the metrics that changed."""
    content = {
        "tables": {
            name: asdict(table)
            | {
                "samples": {
                    part: [{name: _written(value) for name, value in row.items()} for row in rows]
                    for part, rows in table.samples.items()
                }
            }
            for name, table in difference.tables.items()
        },
        "metrics": [
            {"symbol": symbol, "metric": metric, "before": _plain(before), "after": _plain(after)}
            for symbol, metric, before, after in difference.metrics
        ],
    }
    return Answer("\n".join(_lines(difference)) or "no difference", content)


def _lines(difference: Difference) -> Iterator[str]:
    for name, table in difference.tables.items():
        if table.is_none:
            continue
        yield f"{name}: {table.added} added, {table.removed} removed, {table.changed} changed"
        for part, rows in table.samples.items():
            for row in rows:
                yield f"  {part}: {', '.join(_shown_field(*field) for field in row.items())}"
            if (hidden := getattr(table, part) - len(rows)) > 0:
                yield f"  {part}: and {hidden} more"
    for symbol, metric, before, after in difference.metrics[:MAX_METRICS]:
        yield f"{symbol} {metric}: {_shown(before)} -> {_shown(after)}"
    if (hidden := len(difference.metrics) - MAX_METRICS) > 0:
        yield f"and {counted(hidden, 'more metric')}"


def of_verification(verified: Verification) -> Answer:
    """What was compared, and what differs."""
    lines = [f"run {verified.run_id}: {_rebuilt(verified)}"]
    lines += [f"  compared {name} ({digest[:12]})" for name, digest in verified.compared.items()]
    lines += [f"  note: {note}" for note in verified.notes]
    lines += [f"  DIFFERS: {problem}" for problem in verified.problems]
    advice = "--repair, or diff RUN RUN, or rollback RUN"
    if not verified.rebuilt_runs:
        advice = "--quick, which asks for lost payloads again"
    next_step = f"next: python run_pipeline.py verify {advice}"
    lines.append(next_step if verified.problems else _VERIFIED)
    return Answer("\n".join(lines), asdict(verified), _gate(verified.problems))


def of_inspection(inspection: Inspection) -> Answer:
    """What was looked at, what is wrong with it, and what came back."""
    files = counted(inspection.files, "table file")
    lines = [f"{files} and {counted(inspection.payloads, 'payload')} checked"]
    lines += [f"RECOVERED: {payload}" for payload in inspection.recovered]
    lines += [f"DAMAGED: {problem}" for problem in inspection.problems]
    lines += [] if inspection.problems else ["all are as they were written"]
    content = inspection.model_dump(mode="json")
    return Answer("\n".join(lines), content, _gate(inspection.problems))


def of_upgrade(upgraded: Replacement | None) -> Answer:
    """What an upgrade has changed."""
    if upgraded is None or upgraded.difference is None:
        text = "nothing to do: the tables are of the version that this release writes"
        return Answer(text, _replacement(upgraded))
    difference = of_difference(upgraded.difference)
    problems = upgraded.built.problems
    lines = [f"upgraded: {_rebuilt(upgraded.built)}"]
    lines += [f"  NOT PASSED by today's code: {problem}" for problem in problems]
    content = _replacement(upgraded) | {"difference": difference.content}
    text = "\n".join([*lines, "what differs:", difference.text])
    return Answer(text, content, ExitCode.DEGRADED if problems else ExitCode.OK)


def of_repair(repaired: Replacement) -> Answer:
    """What a repair has put in order."""
    lines = [f"replaced {name}" for name in repaired.replaced]
    lines += [f"  because {problem}" for problem in repaired.built.problems]
    text = "\n".join(lines) if repaired.replaced else f"nothing to repair: {_VERIFIED}"
    return Answer(text, _replacement(repaired))


def _replacement(replacement: Replacement | None) -> dict[str, Any]:
    built = replacement.built if replacement else Verification("")
    return {
        "replaced": replacement.replaced if replacement else [],
        "rebuilt_runs": built.rebuilt_runs,
        "problems": built.problems,
        "notes": built.notes,
    }


def of_vacuum(removed: Tidied) -> Answer:
    """What was removed."""
    lines = [f"{name}: {counted(count, 'file')} removed" for name, count in removed.files.items()]
    lines += [f"{counted(removed.strays, 'stray file')} removed"] if removed.strays else []
    return Answer("\n".join(lines) or "nothing to remove", asdict(removed))


def _rebuilt(verified: Verification) -> str:
    return f"{counted(verified.rebuilt_runs, 'run')} rebuilt from the archive"


def _gate(problems: object) -> ExitCode:
    return ExitCode.GATE_BLOCKED if problems else ExitCode.OK


def _shown_field(name: str, value: Any) -> str:
    """A part of a row's key, or a value before and after it changed."""
    if isinstance(value, tuple):
        return f"{name} {_shown(value[0])} -> {_shown(value[1])}"
    return _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time() else iso(value)
    if isinstance(value, float):
        from sentinel_lib.gold_metrics import price_text  # pandas comes with it

        return price_text(value)
    return "none" if value is None else str(_plain(value))


def _written(value: Any) -> Any:
    return list(map(_shown, value)) if isinstance(value, tuple) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_number(value)
    return value if value is None or isinstance(value, int | float | str) else str(value)
