"""The kernel process of one execution: what it prints to the console, and its end."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import IO, Any

from jupyter_client.manager import AsyncKernelManager

TAIL_BYTES = 2_000


@dataclass
class KernelProcess:
    """Knows the process behind a kernel, which Jupyter forgets as soon as it is gone.

    What it prints outside the cells (a crash of the interpreter, a failure to start) goes to
    ``console`` and not to the terminal, where ``--json`` promises one object.
    """

    console: IO[bytes]
    connection_file: Path
    processes: list[Popen[bytes]] = field(default_factory=list)

    def manager_class(self) -> type[AsyncKernelManager]:
        """A manager that starts its kernel as this process."""
        console, processes = self.console, self.processes
        connection_file = str(self.connection_file)

        class Manager(AsyncKernelManager):  # type: ignore[misc]  # jupyter_client is untyped
            async def start_kernel(self, **options: Any) -> None:
                self.connection_file = connection_file
                await super().start_kernel(**options, stdout=console, stderr=console)
                processes.append(self.provisioner.process)

        return Manager

    def obituary(self) -> str:
        """How the process ended, and the last it printed."""
        code = self.processes[-1].poll() if self.processes else None
        if code is None:
            ended = "the kernel ended"
        elif code == -signal.SIGKILL:
            ended = "the kernel was killed (SIGKILL; often the machine ran out of memory)"
        elif code < 0:
            ended = f"the kernel died of {signal.Signals(-code).name}"
        else:
            ended = f"the kernel exited with code {code}"
        printed = self._printed()
        return f"{ended}\n{printed}" if printed else ended

    def kill(self) -> None:
        """End the process if it is still there."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    def _printed(self) -> str:
        self.console.seek(0, 2)
        self.console.seek(max(0, self.console.tell() - TAIL_BYTES))
        return self.console.read().decode(errors="replace").strip()


@contextmanager
def kernel_process(connection_file: Path) -> Iterator[KernelProcess]:
    """A kernel that does not outlive the block, however that is left.

    ``connection_file`` is where Jupyter keeps how to reach it, with the key; it is removed.
    """
    with tempfile.TemporaryFile() as console:
        process = KernelProcess(console, connection_file)
        try:
            yield process
        finally:
            process.kill()
            connection_file.unlink(missing_ok=True)
