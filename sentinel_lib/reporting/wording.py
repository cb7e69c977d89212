"""How codes, times, numbers and commands are written on pages and in messages."""

import shlex
from datetime import UTC, datetime
from itertools import pairwise

from sentinel_lib.errors import ExitCode
from sentinel_lib.records.stage import OffendingRow, RunRecord

ABSENT = "–"  # noqa: RUF001 - an en dash is what a table shows where there is no value

MEANINGS: dict[int, str] = {
    ExitCode.OK: "everything that was due was promoted",
    ExitCode.UNEXPECTED: "an unexpected error stopped the run",
    ExitCode.USAGE: "the command line asks for something impossible",
    ExitCode.CONFIG: "a configuration file is not valid",
    ExitCode.GATE_BLOCKED: "a gate let nothing through, so nothing was promoted",
    ExitCode.FRESHNESS: "data is older than its limit",
    ExitCode.SOURCE_UNAVAILABLE: "no source could be read, so nothing was promoted",
    ExitCode.LOCKED: "another run holds the lock",
    ExitCode.DEGRADED: "some assets were held back, the rest was promoted",
    ExitCode.INTERRUPTED: "stopped from the keyboard (Ctrl-C)",
    ExitCode.TERMINATED: "terminated (SIGTERM)",
}

_FOLDERS = ("--config", "--data", "--reports")

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def meaning(exit_code: int) -> str:
    """What an exit code stands for."""
    return MEANINGS.get(exit_code, "an exit code that this version does not know")


def ending(run: RunRecord) -> str:
    """How a run ended, in a sentence."""
    if run.kind == "rollback":
        return f"rolled back to run {run.restored}: Silver and Gold are as that run published them"
    return f"{run.status}: {meaning(run.exit_code)}"


def resume_command(run: RunRecord) -> str:
    """What to type to go on with a run at the stage that stopped it, in the same folders."""
    return command_beside(run.command, "resume", run.run_id)


def command_beside(command: str, *arguments: str) -> str:
    """The command of ``arguments`` in the folders that ``command`` was given."""
    try:
        given = shlex.split(command)
    except ValueError:  # not a command line as this program writes it
        given = []
    folders = [
        part for flag, value in pairwise(given) if flag in _FOLDERS for part in (flag, value)
    ]
    folders += [part for part in given if part.split("=")[0] in _FOLDERS and "=" in part]
    return shlex.join(["python", "run_pipeline.py", *arguments, *folders])


def short_reason(row: OffendingRow) -> str:
    """The reason of a row without its file, line and rule, which stand beside it."""
    reason = row.reason.removeprefix(f"{row.file} line {row.line}: ")
    return reason.removesuffix(f" [{row.rule}]")


def duration(seconds: object) -> str:
    """Seconds in the two largest units that matter: ``0.4 s``, ``12 s``, ``2 h 5 min``, ``3 d``."""
    if not isinstance(seconds, int | float):
        return plain(seconds)
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    rest, parts = round(seconds), list[tuple[int, str]]()
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        parts += [(count, unit)] if count or parts else []
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count)


def moment(value: object) -> str:
    """A time in UTC to the second; any other text stays as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return plain(value)
    if not isinstance(value, datetime):
        return plain(value)
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def thousands(value: object) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}" if isinstance(value, int) else plain(value)


def plain(value: object) -> str:
    """The value as text, and a dash where there is none."""
    return ABSENT if value is None or value == "" else str(value)
