"""Being told to stop."""

from __future__ import annotations

from sentinel_lib.errors import ExitCode
from sentinel_lib.records.stage import StageOutcome


class Terminated(KeyboardInterrupt):
    """SIGTERM, which Python has no exception for. A process manager sends it."""


def exit_code(stop: KeyboardInterrupt) -> ExitCode:
    """130 for a person's Ctrl-C, 143 for SIGTERM."""
    return ExitCode.TERMINATED if isinstance(stop, Terminated) else ExitCode.INTERRUPTED


def outcome(stage: str, seconds: float, stop: KeyboardInterrupt) -> StageOutcome:
    """The stage that was running when the run was stopped."""
    sender = "SIGTERM" if isinstance(stop, Terminated) else "Ctrl-C"
    return StageOutcome(
        name=stage,
        status="failed",
        seconds=seconds,
        error_name=type(stop).__name__,
        error=f"stopped by {sender}",
    )
