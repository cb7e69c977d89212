"""Why a run failed, in the order in which a person asks: where, why, which rows, what now."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sentinel_lib.records.stage import OffendingRow, RunRecord, StageOutcome
from sentinel_lib.reporting.page import Excerpt, excerpt
from sentinel_lib.reporting.wording import command_beside, resume_command

ROWS_ON_THE_CARD = 5
DEFAULT_COMMAND = "python run_pipeline.py"

_ADVISED = re.compile(r"python run_pipeline\.py ([a-z]+)")
_LABELS = ("observed", "expected", "next")


@dataclass(frozen=True, slots=True)
class Cause:
    """An error's text, taken apart as ``SentinelError`` puts it together."""

    message: str
    observed: str = ""
    expected: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """The first thing that went wrong in a run. ``stage`` is None if no stage is to blame."""

    stage: StageOutcome | None
    cause: Cause
    command: str
    rows: Excerpt[OffendingRow] = field(default_factory=lambda: Excerpt(()))
    also_failed: Sequence[str] = ()


def failure_of(run: RunRecord) -> Failure | None:
    """The failure of a run that failed or was stopped, or None."""
    if run.status not in ("failed", "interrupted"):
        return None
    command = resume_command(run) if run.stages else run.command or DEFAULT_COMMAND
    stopped = [stage for stage in run.stages if stage.status in ("failed", "blocked")]
    if not stopped:
        conditions = (
            "; ".join(run.conditions) or "The run ended before any stage reported a failure."
        )
        return Failure(None, Cause(conditions), command)
    first, *others = stopped
    rows = first.record.offending_rows if first.record else []
    cause = cause_of(first.error or (first.record.error if first.record else ""))
    if advised := _ADVISED.match(cause.next_step):
        command = command_beside(run.command, advised[1]) + cause.next_step[advised.end() :]
        cause = replace(cause, next_step="")
    return Failure(
        stage=first,
        cause=cause,
        command=command,
        rows=excerpt(rows, ROWS_ON_THE_CARD),
        also_failed=[stage.name for stage in others],
    )


def cause_of(text: str) -> Cause:
    """The parts of an error that arrives as text, as one does from a kernel."""
    parts: dict[str, list[str]] = {"message": []}
    current = "message"
    for line in text.strip().splitlines():
        label, colon, rest = line.strip().partition(": ")
        if line.startswith("  ") and colon and label in _LABELS:
            current, line = label, rest
        parts.setdefault(current, []).append(line)
    texts = {label: "\n".join(lines).strip() for label, lines in parts.items()}
    return Cause(
        message=texts["message"] or "The stage ended without saying why.",
        observed=texts.get("observed", ""),
        expected=texts.get("expected", ""),
        next_step=texts.get("next", ""),
    )
