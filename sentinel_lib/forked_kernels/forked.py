"""The runner's side of the template: a kernel process that another process has forked."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from sentinel_lib.forked_kernels.console import TAIL, Console, ending

TEMPLATE = Path(__file__).with_name("template.py")
PROGRAM = """
import sys
sys.path[:] = filter(None, sys.path)
import runpy
runpy.run_path(sys.argv[1], run_name="__main__")
"""
"""As ``python -P`` would, but without its flag, which the kernels would inherit: they must find
modules where they work, like any kernel.
"""
ENVIRONMENT = {
    # One thread in the template: a fork takes only the thread that forks along.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or a remark of the debugger is its last word
}
KILL_SECONDS = 5.0
LOOK_SECONDS = 0.005


class TemplateError(Exception):
    """The template cannot give a kernel; ordinary ones can be started instead."""


class ForkedProcess:
    """A process that the template forked, or will as soon as it can; to be used like a ``Popen``.

    ``returncode`` is that of the process, as ``Popen`` has it.
    """

    def __init__(self, talk: socket.socket, template: Template) -> None:
        self.template = template
        self.pid = 0
        self.returncode: int | None = None
        self.is_orphan = False
        self._talk = talk
        self._heard = b""
        talk.setblocking(False)

    def wait_until_started(self, seconds: float) -> None:
        """Raises ``TemplateError`` unless the template forks within ``seconds``."""
        end = time.monotonic() + seconds
        while not self.pid:
            if self.returncode is not None:
                raise TemplateError(self.template.ending())
            if not self._listen(max(0.0, end - time.monotonic())):
                raise TemplateError(
                    f"the template process did not fork a kernel within {seconds:g} s"
                )

    def poll(self) -> int | None:
        """The exit code, or nothing while the process runs."""
        while self.returncode is None and self._listen(0):
            pass
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process."""
        end = time.monotonic() + (KILL_SECONDS if timeout is None else timeout)
        while self.returncode is None and time.monotonic() < end:
            self._listen(max(0.0, end - time.monotonic()))
        if self.returncode is None:
            raise subprocess.TimeoutExpired("kernel", KILL_SECONDS if timeout is None else timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process and those it started."""
        self.poll()
        if self.pid and not self.is_orphan:
            # The template keeps an ended kernel as a zombie until close(): nobody else has its id.
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def kill(self) -> None:
        """End the process; the template never starts one that it has not started by now.

        Does not wait for the template to tell: that may be importing something for seconds.
        """
        with suppress(TemplateError):
            self.send_signal(signal.SIGKILL)
            end = time.monotonic() + KILL_SECONDS
            while self.pid and not _has_ended(self.pid) and time.monotonic() < end:
                time.sleep(LOOK_SECONDS)
        self._talk.close()

    def _listen(self, seconds: float) -> bool:
        """Take in what the template says within ``seconds``; whether it said anything."""
        self._talk.settimeout(seconds)
        try:
            said = self._talk.recv(4096)
        except (BlockingIOError, TimeoutError):
            return False
        except OSError:
            said = b""
        if not said:
            self._orphaned()
            return True
        *lines, self._heard = (self._heard + said).split(b"\n")
        for line in lines:
            word, _, rest = line.decode().partition(" ")
            if word == "started":
                self.pid = int(rest)
            elif word == "ended":
                self.returncode = int(rest)
            else:
                raise TemplateError(rest)
        return True

    def _orphaned(self) -> None:
        """The template is gone, and the system kills its kernels."""
        if self.returncode is None:
            self.returncode = -signal.SIGKILL
            self.is_orphan = True


def _has_ended(pid: int) -> bool:
    """Whether the process is gone, or a zombie of the template's."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(") ")[2][0] in "ZX"


class Template:
    """The template process of one runner; ``folder`` goes with it."""

    def __init__(self, folder: Path) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._talk = ours
        self._console = Console()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(TEMPLATE), str(folder)],
                stdin=theirs.fileno(),
                stdout=self._console.file,
                stderr=self._console.file,
                env={**os.environ, **ENVIRONMENT},
                start_new_session=True,  # Ctrl-C on the terminal is for the runner alone
            )

    def fork(
        self, arguments: Sequence[str], console: IO[bytes], folder: Path, *, is_early: bool
    ) -> ForkedProcess:
        """Ask for a kernel; returns at once. ``is_early``: one that will not run a gate."""
        terms = {
            "arguments": list(arguments),
            "environment": dict(os.environ),
            "folder": str(folder),
        }
        ours, theirs = socket.socketpair()
        # In memory: the environment holds secrets, which must not get onto a disk.
        with theirs, os.fdopen(os.memfd_create("terms"), "wb") as file:
            file.write(json.dumps(terms).encode(errors="surrogateescape"))
            file.flush()
            try:
                descriptors = [theirs.fileno(), console.fileno(), file.fileno()]
                socket.send_fds(self._talk, [b"early" if is_early else b"ready"], descriptors)
            except OSError as broken:
                ours.close()
                raise TemplateError(self.ending()) from broken
        return ForkedProcess(ours, self)

    def ending(self) -> str:
        """How the process ended, and the last it printed."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.2)
        words = ending("the template process", self._process.returncode)
        return "\n".join(filter(None, [words, self._console.printed()[-TAIL:]]))

    def kill(self) -> None:
        """End the process, and by that every kernel."""
        self._process.kill()
        self._process.wait()
        self._talk.close()
        self._console.close()
