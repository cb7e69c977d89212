"""What a process prints outside the cells, and how it ended."""

import os
import signal
import tempfile
from collections.abc import Callable
from typing import IO

READ_BYTES = 100_000
SHOWN_CHARACTERS = 2_000
"""How much of it is shown, cut once secrets are out: half a secret could not be found any more."""


class ProcessOutput:
    """A file for what a process prints: the crash of an interpreter, a last message.

    It does not go to the terminal, which is the caller's; and where the system can, it stays in
    memory, because it may hold a secret.
    """

    def __init__(self) -> None:
        self.file: IO[bytes]
        if hasattr(os, "memfd_create"):
            self.file = os.fdopen(os.memfd_create("output"), "w+b")
        else:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close)

    def below(self, ending: str, scrub: Callable[[str], str] = str) -> str:
        """The last that was printed, below how the process ended; ``scrub`` takes secrets out."""
        self.file.seek(0, 2)
        self.file.seek(max(0, self.file.tell() - READ_BYTES))
        printed = scrub(self.file.read().decode(errors="replace").strip())
        return "\n".join(filter(None, [scrub(ending), printed[-SHOWN_CHARACTERS:]]))

    def close(self) -> None:
        """Forget what was printed."""
        self.file.close()


def how_it_ended(process_name: str, exit_code: int | None) -> str:
    """How a process with this exit code ended; the code is as ``subprocess`` has it."""
    if exit_code is None:
        return f"{process_name} ended"
    if exit_code == -signal.SIGKILL:
        return f"{process_name} was killed (SIGKILL; often the machine ran out of memory)"
    if exit_code < 0:
        return f"{process_name} was terminated by {signal.Signals(-exit_code).name}"
    return f"{process_name} exited with code {exit_code}"
