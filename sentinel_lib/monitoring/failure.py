"""A failure as Sentry shows it: title, level, tags, stack, and what makes two the same."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sentinel_lib.monitoring.notebook_frames import frames, plain
from sentinel_lib.records.stage import HELD_BACK, StageOutcome

LONGEST_TAG = 200
LONGEST_VALUE = 4_000

_NOT_ITS_OWN_FAULT = ("DeadKernelError", "CellTimeoutError", "SystemExit")
"""Ends of a notebook that say nothing about the line that was running."""


@dataclass(frozen=True, slots=True)
class CellError:
    """The error that an executed notebook shows: what Jupyter calls ename, evalue, traceback."""

    name: str = ""
    value: str = ""
    traceback: Sequence[str] = field(default_factory=tuple)


def cell_error(executed: Path) -> CellError:
    """The last error in an executed notebook; an empty one where there is none, or no notebook."""
    try:
        cells = json.loads(executed.read_bytes())["cells"]
    except (OSError, ValueError, KeyError):  # the stage's outcome has said what it could not do
        return CellError()
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    errors = [output for output in outputs if output.get("output_type") == "error"]
    if not errors:
        return CellError()
    last = errors[-1]
    return CellError(last["ename"], last["evalue"], tuple(last["traceback"]))


def event_of(
    outcome: StageOutcome, notebook: str, shown: CellError, symbols: Collection[str]
) -> dict[str, Any]:
    """The event for a stage that failed or was blocked, or that was running when SIGTERM came.

    ``symbols`` are the assets of the run, to find those that the failure names.
    """
    is_shown = shown.name == outcome.error_name
    message = shown.value if is_shown else outcome.error.partition("\n")[0]
    stack = frames(shown.traceback, notebook) if is_shown else []
    exception: dict[str, Any] = {
        "type": outcome.error_name or "StageError",
        "value": f"{outcome.name}: {message.removeprefix(f'{outcome.error_name}: ')}"[
            :LONGEST_VALUE
        ],
        "mechanism": {"type": "notebook", "handled": False},
    }
    if stack:
        exception["stacktrace"] = {"frames": stack}
    tags = {
        "stage": outcome.name,
        "notebook": notebook,
        "cell": " ".join(outcome.cell.split()),
        "asset": ", ".join(_assets(outcome, message, symbols)),
    }
    event: dict[str, Any] = {
        "level": _level(outcome),
        "transaction": outcome.name,
        "exception": {"values": [exception]},
        "tags": {name: value[:LONGEST_TAG] for name, value in tags.items() if value},
        "fingerprint": _fingerprint(outcome, stack),
    }
    if is_shown and not stack:
        event["extra"] = {"traceback": plain(shown.traceback)[-LONGEST_VALUE:]}
    return event


def _level(outcome: StageOutcome) -> str:
    if outcome.error_name == "Terminated":
        return "warning"
    return "fatal" if outcome.error_name == "DeadKernelError" else "error"


def _fingerprint(outcome: StageOutcome, stack: Sequence[dict[str, Any]]) -> list[str]:
    """Equal for the same failure in two runs: no numbers, no values, no line numbers are in it."""
    if outcome.error_name == "Terminated":
        return ["terminated"]
    if outcome.status == "blocked":
        return ["gate blocked", outcome.name]
    known = [outcome.name, outcome.error_name]
    ours = [frame for frame in stack if frame["in_app"]]
    if outcome.error_name in _NOT_ITS_OWN_FAULT or not ours:
        return ["stage failed", *known]
    last = ours[-1]
    line = last.get("context_line", "").strip()
    return ["stage failed", *known, f"{last['filename']}:{last['function']}", line]


def _assets(outcome: StageOutcome, message: str, symbols: Collection[str]) -> list[str]:
    """Those that the stage's record holds back, or else that its error speaks of."""
    ledgers = outcome.record.assets if outcome.record else {}
    held = [symbol for symbol, ledger in ledgers.items() if ledger.status in HELD_BACK]
    named = [
        symbol
        for symbol in symbols
        if re.search(rf"(?<![\w.-]){re.escape(symbol)}(?![\w-]|\.\w)", message)
    ]
    return sorted(held or named)
