"""Interruption by Ctrl-C or SIGTERM, which may come at any moment."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sentinel_lib.errors import ExitCode
from sentinel_lib.records.stage import StageOutcome

_HAS_TIMER = hasattr(signal, "setitimer")  # Windows has none
_AGAIN_SECONDS = 0.01


class Terminated(KeyboardInterrupt):
    """SIGTERM, which Python has no exception for. A process manager sends it."""


class Interruption:
    """Raises where the run may be stopped; anywhere else a signal is only remembered.

    So a record that is being written is written, and a kernel that is being ended ends. After
    SIGTERM a run may go on for ``grace_seconds``.
    """

    def __init__(self, grace_seconds: float = 0.0) -> None:
        self.heard: KeyboardInterrupt | None = None
        self.is_to_end = False
        self._grace_seconds = grace_seconds
        self._may_raise = False

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """A block that a signal may leave; one that came before it does not enter."""
        if self.heard:
            raise self.heard
        self._may_raise = True
        try:
            yield
        except KeyboardInterrupt as stop:
            self.heard = stop
            raise
        finally:
            self._may_raise = False

    def hear(self, number: int, _: FrameType | None) -> None:
        """The handler of all signals. Only the first raises: the run is already ending then."""
        is_first, self.is_to_end = not self.is_to_end, True
        if number == signal.SIGTERM and is_first and self._grace_seconds:
            signal.setitimer(signal.ITIMER_REAL, self._grace_seconds)
            return
        stop = KeyboardInterrupt() if number == signal.SIGINT else Terminated()
        self.heard = self.heard or stop
        if self._may_raise:
            self._may_raise = False
            raise self.heard

    def raise_again(self, lost: sys.UnraisableHookArgs) -> bool:
        """Whether the interruption was lost. Python drops what is raised while an object is
        finalised, and the run would go on; so it comes once more, a moment later.
        """
        if self.heard is None or lost.exc_value is not self.heard:
            return False
        self._may_raise = True
        if _HAS_TIMER:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        return True


@contextmanager
def listening(grace_seconds: float = 0.0) -> Iterator[Interruption]:
    """The signals go to the ``Interruption`` within the block; in other threads none is heard."""
    interruption = Interruption(grace_seconds)
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGALRM] if _HAS_TIMER else [])]
    before = {number: signal.signal(number, interruption.hear) for number in numbers}
    report = sys.unraisablehook
    sys.unraisablehook = lambda lost: interruption.raise_again(lost) or report(lost)
    try:
        yield interruption
    finally:
        if _HAS_TIMER:
            signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = report
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(stop: KeyboardInterrupt | None) -> ExitCode:
    """130 for a person's Ctrl-C, 143 for SIGTERM, 0 for neither."""
    if stop is None:
        return ExitCode.OK
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
