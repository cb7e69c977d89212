"""One kernel: its process, what it prints, and the private folder it is reached by."""

import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

from sentinel_lib.forked_kernels.template_process import (
    ForkedProcess,
    ProcessOutput,
    TemplateProcess,
    how_it_ended,
)

LONGEST_SOCKET_PATH = 100
"""Linux allows 107 bytes, other systems less."""


class KernelProcess:
    """A kernel that starts in ``working_folder``, in the environment of now.

    ``folder`` is its own: how to reach it, with the key, and its sockets. With a ``template`` it is
    forked from that (raises ``TemplateError``) once it has imported that many groups of modules,
    else started like any other.
    """

    def __init__(
        self, folder: Path, working_folder: Path, template: TemplateProcess | None, groups: int
    ) -> None:
        self.folder = folder
        self.connection_file = folder / "kernel.json"
        self.output = ProcessOutput()
        self.process: Popen[bytes] | ForkedProcess
        folder.mkdir(mode=0o700)
        try:
            _write_connection(self.connection_file)
            arguments = [
                *("-f", str(self.connection_file)),
                "--HistoryManager.hist_file=:memory:",
                "--log-level=ERROR",
            ]
            file = self.output.file
            if template is None:
                from jupyter_client.launcher import launch_kernel

                command = [sys.executable, "-m", "ipykernel_launcher", *arguments]
                cwd = str(working_folder)
                self.process = launch_kernel(command, stdout=file, stderr=file, cwd=cwd)
            else:
                self.process = template.fork(arguments, file, working_folder, groups)
        except BaseException:  # also Ctrl-C: nobody else knows of the folder
            self._clear()
            raise

    def how_it_ended(self, scrub: Callable[[str], str]) -> str:
        """How the process ended, and the last it printed; ``scrub`` takes secrets out of a text."""
        exit_code = self.process.poll()
        if isinstance(self.process, ForkedProcess) and self.process.is_orphan:
            ending = f"the kernel was killed because {self.process.template.how_it_ended()}"
        else:
            ending = how_it_ended("the kernel", exit_code)
        return self.output.below(ending, scrub)

    def kill(self) -> None:
        """End the process, with those it started, and leave nothing of it."""
        if isinstance(self.process, ForkedProcess):
            self.process.kill()
        elif self.process.poll() is None:
            if sys.platform == "win32":
                self.process.kill()
            else:
                with suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._clear()

    def _clear(self) -> None:
        self.output.file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _write_connection(path: Path) -> None:
    """Sockets in the folder where the system has them, else ports on loopback."""
    from jupyter_client.connect import write_connection_file

    sockets = path.with_name("s")
    has_sockets = os.name == "posix" and len(os.fsencode(sockets)) <= LONGEST_SOCKET_PATH
    transport, address = ("ipc", str(sockets)) if has_sockets else ("tcp", "127.0.0.1")
    key = secrets.token_hex().encode()
    write_connection_file(str(path), ip=address, key=key, transport=transport)
