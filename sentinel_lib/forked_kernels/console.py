"""What a process prints to its console, and how it ended."""

from __future__ import annotations

import os
import signal
import tempfile
from typing import IO

READ_BYTES = 100_000
TAIL = 2_000
"""How many characters of it are told. They are cut off when the secrets are out: half a secret
cannot be found any more.
"""


class Console:
    """Takes what a process prints outside the cells: a crash of the interpreter, last words.

    It does not go to the terminal, where ``--json`` promises one object; and where the system
    can, it stays in memory, for it may hold a secret.
    """

    def __init__(self) -> None:
        self.file: IO[bytes]
        if hasattr(os, "memfd_create"):
            self.file = os.fdopen(os.memfd_create("console"), "w+b")
        else:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close)

    def printed(self) -> str:
        """The last that was printed, more of it than anybody reads: see ``TAIL``."""
        self.file.seek(0, 2)
        self.file.seek(max(0, self.file.tell() - READ_BYTES))
        return self.file.read().decode(errors="replace").strip()

    def close(self) -> None:
        """Forget what was printed."""
        self.file.close()


def ending(what: str, code: int | None) -> str:
    """How a process with this exit code ended, as ``subprocess`` has it."""
    if code is None:
        return f"{what} ended"
    if code == -signal.SIGKILL:
        return f"{what} was killed (SIGKILL; often the machine ran out of memory)"
    if code < 0:
        return f"{what} died of {signal.Signals(-code).name}"
    return f"{what} exited with code {code}"
