"""Standard output and standard error without secrets, and without a say in how a command ends."""

import contextlib
import os
from collections.abc import Callable
from typing import Any, TextIO


class ScrubbedStream:
    """A text stream that takes the secrets out of whatever is written to it.

    Its reader has no say in a command's result: once it cannot be written (a pipe that was
    closed, a terminal that is gone, a full disk behind a redirection) the rest goes nowhere, and
    ``failure`` says why. ``stream`` is None where the process was started without one.
    """

    def __init__(self, stream: TextIO | None, scrub: Callable[[str], str] = str) -> None:
        # A file opened next would take the number of the missing one, and what is written to it.
        self._stream = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        self.scrub = scrub
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write ``text`` scrubbed; a secret that comes in two pieces is not seen."""
        scrubbed = self.scrub(text)
        encoding = self._stream.encoding or "utf-8"
        writable = scrubbed.encode(encoding, "backslashreplace").decode(encoding)
        self._attempt(lambda: self._stream.write(writable))
        return len(text)

    def flush(self) -> None:
        """Hand over what was written."""
        self._attempt(self._stream.flush)

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as failed:
            self.failure = self.failure or failed
            # What is still buffered is written again when the process ends, which then must work.
            with contextlib.suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
