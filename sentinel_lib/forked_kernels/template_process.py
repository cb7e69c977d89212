"""The runner's side of the template: its process, the kernel processes that it forks, and what
processes print.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

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
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or a remark of the debugger is its last output
}
KILL_SECONDS = 5.0
POLL_SECONDS = 0.005
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
            self.file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by its owner)

    def below(self, ending: str, scrub: Callable[[str], str] = str) -> str:
        """The last that was printed, below how the process ended; ``scrub`` takes secrets out."""
        self.file.seek(0, 2)
        self.file.seek(max(0, self.file.tell() - READ_BYTES))
        printed = scrub(self.file.read().decode(errors="replace").strip())
        return "\n".join(filter(None, [scrub(ending), printed[-SHOWN_CHARACTERS:]]))


class TemplateError(Exception):
    """The template cannot give a kernel; ordinary ones can be started instead."""


class ForkedProcess:
    """A process that the template forked, or will as soon as it can; Jupyter takes it for a
    ``Popen``, and ``returncode`` is as that has it.
    """

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, template: TemplateProcess) -> None:
        self.template = template
        self.pid = 0
        self.returncode: int | None = None
        self.is_orphan = False
        self._connection = connection

    def wait_until_started(self, seconds: float) -> None:
        """Raises ``TemplateError`` unless the template forks within ``seconds``."""
        end = time.monotonic() + seconds
        while not self.pid:
            if self.returncode is not None:
                raise TemplateError(self.template.how_it_ended())
            if not self._receive(max(0.0, end - time.monotonic())):
                raise TemplateError(
                    f"the template process did not fork a kernel within {seconds:g} s"
                )

    def poll(self) -> int | None:
        """The exit code, or nothing while the process runs."""
        while self.returncode is None and self._receive(0):
            pass
        return self.returncode

    def wait(self) -> int | None:
        """The exit code of a process that has ended: Jupyter polls first."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process and those it started."""
        self.poll()
        if self.pid and not self.is_orphan:
            # The template keeps an ended kernel as a zombie until kill(): nobody else has its id.
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def kill(self) -> None:
        """End the process; the template never starts one that it has not started by now.

        Does not wait for the template's answer: that may be importing something for seconds.
        """
        with suppress(TemplateError):
            self.send_signal(signal.SIGKILL)
            end = time.monotonic() + KILL_SECONDS
            while self.pid and not _has_ended(self.pid) and time.monotonic() < end:
                time.sleep(POLL_SECONDS)
        self._connection.close()

    def _receive(self, seconds: float) -> bool:
        """Take in a message that the template sends within ``seconds``; whether it sent any."""
        self._connection.settimeout(seconds)
        try:
            received = self._connection.recv(4096)
        except (BlockingIOError, TimeoutError):
            return False
        except OSError:
            received = b""
        if not received:  # the template is gone, and the system kills its kernels
            if self.returncode is None:
                self.returncode = -signal.SIGKILL
                self.is_orphan = True
            return True
        event, _, value = received.decode().partition(" ")
        if event == "refused":
            raise TemplateError(value)
        if event == "started":
            self.pid = int(value)
        else:
            self.returncode = int(value)
        return True


def _has_ended(pid: int) -> bool:
    """Whether the process is gone, or a zombie of the template's."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(") ")[2][0] in "ZX"


class TemplateProcess:
    """The template of one runner, which imports ``modules`` (see ``template``), the user's own from
    ``working_folder``; ``folder`` goes with it.
    """

    def __init__(
        self, folder: Path, working_folder: Path, modules: Sequence[Sequence[str]]
    ) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests = ours
        self._output = ProcessOutput()
        arguments = [str(folder), str(working_folder), json.dumps(modules)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(TEMPLATE), *arguments],
                stdin=theirs.fileno(),
                stdout=self._output.file,
                stderr=self._output.file,
                env={**os.environ, **ENVIRONMENT},
                start_new_session=True,  # Ctrl-C on the terminal is for the runner alone
            )

    def fork(
        self, arguments: list[str], output: IO[bytes], working_folder: Path, groups: int
    ) -> ForkedProcess:
        """Ask for a kernel that needs that many groups of modules; returns at once."""
        environment, folder = dict(os.environ), str(working_folder)
        launch = {"arguments": arguments, "environment": environment, "folder": folder}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # In memory: the environment holds secrets, which must not get onto a disk.
        with theirs, os.fdopen(os.memfd_create("launch"), "wb") as file:
            file.write(json.dumps(launch).encode(errors="surrogateescape"))
            file.flush()
            descriptors = [theirs.fileno(), output.fileno(), file.fileno()]
            try:
                socket.send_fds(self._requests, [b"%d" % groups], descriptors)
            except OSError as broken:
                ours.close()
                raise TemplateError(self.how_it_ended()) from broken
        return ForkedProcess(ours, self)

    def how_it_ended(self) -> str:
        """How the process ended, and the last it printed."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.2)
        ending = how_it_ended("the template process", self._process.returncode)
        return self._output.below(ending)

    def kill(self) -> None:
        """End the process, and by that every kernel."""
        self._process.kill()
        self._process.wait()
        self._requests.close()
        self._output.file.close()


def how_it_ended(process_name: str, exit_code: int | None) -> str:
    """How a process with this exit code ended; the code is as ``subprocess`` has it."""
    if exit_code is None:
        return f"{process_name} ended"
    if exit_code == -signal.SIGKILL:
        return f"{process_name} was killed (SIGKILL; often the machine ran out of memory)"
    if exit_code < 0:
        return f"{process_name} was terminated by {signal.Signals(-exit_code).name}"
    return f"{process_name} exited with code {exit_code}"
