"""One kernel: its process, its console, and the private folder it is reached by."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

from sentinel_lib.forked_kernels.console import TAIL, Console, ending
from sentinel_lib.forked_kernels.forked import ForkedProcess, Template
from sentinel_lib.settings.project import PROJECT_ROOT

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
LONGEST_SOCKET_PATH = 100
"""Linux allows 107 bytes, other systems less."""


class Kernel:
    """A kernel process that starts; it works at the project's root, in the environment of now.

    ``folder`` is its own: how to reach it, with the key, and its sockets. With a ``template`` it is
    forked from that (raises ``TemplateError``), else started like any other.
    """

    def __init__(self, folder: Path, template: Template | None, *, is_early: bool = False) -> None:
        self.folder = folder
        self.connection_file = folder / "kernel.json"
        self.console = Console()
        self.process: Popen[bytes] | ForkedProcess
        folder.mkdir(mode=0o700)
        try:
            _write_connection(self.connection_file)
            arguments = [
                *("-f", str(self.connection_file)),
                "--HistoryManager.hist_file=:memory:",
                "--log-level=ERROR",
            ]
            if template is None:
                self.process = _launch(arguments, self.console)
            else:
                self.process = template.fork(
                    arguments, self.console.file, PROJECT_ROOT, is_early=is_early
                )
        except BaseException:  # also Ctrl-C: nobody else knows of the folder
            self._clear()
            raise

    def obituary(self, scrub: Callable[[str], str]) -> str:
        """How the process ended, and the last it printed."""
        code = self.process.poll()
        if isinstance(self.process, ForkedProcess) and self.process.is_orphan:
            words = f"the kernel was killed because {self.process.template.ending()}"
        else:
            words = ending("the kernel", code)
        return "\n".join(filter(None, [scrub(words), scrub(self.console.printed())[-TAIL:]]))

    def kill(self) -> None:
        """End the process, with those it started, and leave nothing of it."""
        if isinstance(self.process, ForkedProcess):
            self.process.kill()
        elif self.process.poll() is None:
            if sys.platform == "win32":
                self.process.kill()
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._clear()

    def _clear(self) -> None:
        self.console.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _launch(arguments: list[str], console: Console) -> Popen[bytes]:
    from jupyter_client.launcher import launch_kernel

    process: Popen[bytes] = launch_kernel(
        [sys.executable, "-m", "ipykernel_launcher", *arguments],
        stdout=console.file,
        stderr=console.file,
        cwd=str(PROJECT_ROOT),
    )
    return process


def _write_connection(path: Path) -> None:
    """Sockets in the folder where the system has them, else ports on loopback."""
    sockets = path.with_name("s")
    if os.name == "posix" and len(os.fsencode(sockets)) <= LONGEST_SOCKET_PATH:
        connection = {
            "transport": "ipc",
            "ip": str(sockets),
            **{f"{channel}_port": number for number, channel in enumerate(CHANNELS, start=1)},
            "key": secrets.token_hex(),
            "signature_scheme": "hmac-sha256",
            "kernel_name": "python3",
        }
        path.write_text(json.dumps(connection))
        return
    from jupyter_client.connect import write_connection_file

    write_connection_file(str(path), ip="127.0.0.1", key=secrets.token_hex().encode())
