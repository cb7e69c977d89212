"""The template: a process that has imported what notebooks need, and forks a kernel when asked.

It imports no project code, for it may outlive an edit, and is run as a file, with no folder of
ours on the path. The argument is the private folder of the runner; standard input is a socket to
the runner, and its end is the end of this process and of every kernel.

A request is one message there, ``early`` or ``ready``, with three descriptors: the kernel's
socket, its console, and a file that says how to start it. On the kernel's socket goes
``started PID`` or ``refused WHY``, later ``ended CODE``. A kernel that has ended stays a zombie
until the runner closes that socket, so its process id cannot come to mean another process;
closing it earlier kills the kernel.
"""

from __future__ import annotations

import builtins
import ctypes
import gc
import importlib
import json
import logging
import os
import runpy
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

EARLY = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.displayhook",
    "ipykernel.debugger", "IPython.core.completerlib", "IPython.core.debugger",
    "IPython.core.oinspect", "IPython.extensions.storemagic", "tornado.platform.asyncio",
    "pyarrow.parquet", "pyarrow.dataset", "pyarrow.compute", "pyarrow.csv", "duckdb",
    "pyarrow.acero", "pyarrow_hotfix", "pandas.io.formats.html", "pandas.io.formats.string",
    "ibis", "ibis.backends.duckdb", "ibis.backends.duckdb.converter", "ibis.formats.pandas",
    "ibis.expr.types.groupby", "yaml", "pydantic", "pydantic.networks", "pydantic_settings",
    "structlog", "exchange_calendars", "filelock", "httpx", "tenacity",
    "multiprocessing.synchronize",
)  # fmt: skip
"""What every stage needs: 1.5 s."""

GATES = (
    "scipy.stats", "altair", "great_expectations",
    "great_expectations.expectations", "great_expectations.core.expectation_suite",
)  # fmt: skip
"""What a gate needs besides: 2.5 s, in pieces, between which requests are served."""

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Request:
    """A kernel to start; ``talk`` is its socket to the runner."""

    kind: bytes
    talk: socket.socket
    console: int
    terms: int


class Template:
    """Serves the requests of one runner.

    ``kinds`` are the requests that enough is loaded for. ``kernels`` are the children that the
    runner still holds, ``ended`` those of them that are zombies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runner = socket.socket(fileno=os.dup(0))
        self.kinds: set[bytes] = set()
        self.waiting: list[Request] = []
        self.kernels: dict[int, socket.socket] = {}
        self.ended: set[int] = set()
        self.child_ended, wakeup = os.pipe()
        for end in (self.child_ended, wakeup):
            os.set_blocking(end, False)
        self.wakeup = wakeup
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def load(self, modules: Iterable[str]) -> Request | None:
        """Import ``modules``, serving between them. Returns a request only in a child."""
        for module in modules:
            if request := self.serve(0):
                return request
            # What cannot be imported here cannot be in the kernel either, and is told there.
            with suppress(Exception):
                importlib.import_module(module)
        return None

    def serve(self, seconds: float | None) -> Request | None:
        """See what there is to do; wait ``seconds`` for it. Returns a request only in a child."""
        watched: list[Any] = [self.runner, self.child_ended, *self.kernels.values()]
        readable = select.select(watched, [], [], seconds)[0]
        if self.runner in readable:
            self.receive()
        for pid in [pid for pid, talk in self.kernels.items() if talk in readable]:
            self.let_go(pid)
        if self.child_ended in readable:
            with suppress(BlockingIOError):
                os.read(self.child_ended, 4096)
        self.note_ends()
        for request in [one for one in self.waiting if one.kind in self.kinds]:
            self.waiting.remove(request)
            if self.fork(request):
                return request
        return None

    def receive(self) -> None:
        """Take in one request, or notice that the runner is gone."""
        try:
            kind, descriptors, _, _ = socket.recv_fds(self.runner, 64, 3)
        except ConnectionError:
            kind = b""
        if not kind:
            self.end()
        talk, console, terms = descriptors
        request = Request(kind, socket.socket(fileno=talk), console, terms)
        self.waiting.append(request)

    def fork(self, request: Request) -> bool:
        """Start a kernel for ``request``; true in the kernel."""
        threads = len(list(Path("/proc/self/task").iterdir()))
        if threads != 1:
            self.tell(request.talk, f"refused the template process has {threads} threads")
            request.talk.close()
            os.close(request.console)
            os.close(request.terms)
            return False
        gc.freeze()
        template = os.getpid()
        pid = os.fork()
        if pid == 0:
            die_with(template)
            return True
        os.close(request.console)
        os.close(request.terms)
        self.kernels[pid] = request.talk
        self.tell(request.talk, f"started {pid}")
        return False

    def let_go(self, pid: int) -> None:
        """The runner has no more use for this kernel."""
        self.kernels.pop(pid).close()
        if pid in self.ended:
            self.ended.remove(pid)
        else:
            kill(pid)
        os.waitpid(pid, 0)

    def note_ends(self) -> None:
        """Tell how the kernels ended that did, and leave them as zombies."""
        for pid in self.kernels.keys() - self.ended:
            options = os.WEXITED | os.WNOHANG | os.WNOWAIT
            end = os.waitid(os.P_PID, pid, options)
            if end is not None:
                self.ended.add(pid)
                code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
                self.tell(self.kernels[pid], f"ended {code}")

    def tell(self, talk: socket.socket, message: str) -> None:
        """Say something to the runner, who may have hung up: the next look tells."""
        with suppress(OSError):
            talk.sendall(f"{message}\n".encode())

    def end(self) -> NoReturn:
        """The runner is gone: so are its kernels, its folder and this process."""
        for pid in self.kernels.keys() - self.ended:
            kill(pid)
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(0)

    def close_in_child(self, request: Request) -> None:
        """A kernel keeps nothing of what belongs to the template."""
        signal.set_wakeup_fd(-1)
        for talk in (*self.kernels.values(), *(other.talk for other in self.waiting)):
            talk.close()
        for other in self.waiting:
            os.close(other.console)
            os.close(other.terms)
        os.close(self.child_ended)
        os.close(self.wakeup)
        self.runner.close()
        request.talk.close()


def kill(pid: int) -> None:
    """End a child that has not been waited for, with the processes that it started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # it was forked a moment ago, and leads no group yet
        os.kill(pid, signal.SIGKILL)


def die_with(template: int) -> None:
    """A kernel is killed when the template ends, whatever ends that."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != template:
        os._exit(1)


def run_kernel(request: Request) -> None:
    """Be what ``python -m ipykernel_launcher`` would be, without the imports."""
    with os.fdopen(request.terms, "rb") as file:
        file.seek(0)
        terms: dict[str, Any] = json.load(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, number in ((nothing, 0), (request.console, 1), (request.console, 2)):
        os.dup2(descriptor, number)
    os.close(nothing)
    os.close(request.console)
    os.chdir(terms["folder"])
    os.environ.clear()
    os.environ.update({**terms["environment"], "JPY_PARENT_PID": str(os.getppid())})
    time.tzset()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "numpy" in sys.modules:  # Python's own random numbers start anew by themselves
        sys.modules["numpy"].random.seed()
    # A library sends warnings to the log, once it is imported: here that was not the notebook.
    logging.captureWarnings(False)
    gc.enable()
    arguments = [*terms["arguments"], f"--IPKernelApp.parent_handle={os.getppid()}"]
    sys.argv = ["ipykernel_launcher", *arguments]
    kernelapp = importlib.import_module("ipykernel.kernelapp")
    kernelapp.launch_new_instance(arguments)


def serve_forever(template: Template) -> Request:
    """Load everything and serve; returns in the children."""
    # Pandas asks once whether it is in a kernel or in a terminal, and prints accordingly.
    builtins.get_ipython = lambda: SimpleNamespace(kernel=None)  # type: ignore[attr-defined]
    with suppress(ImportError):  # as in load()
        importlib.import_module("pandas")
    del builtins.get_ipython  # type: ignore[attr-defined]
    if request := template.load(EARLY):
        return request
    template.kinds.add(b"early")
    runpy.run_path(str(Path(__file__).with_name("iri_grammar.py")))["import_jsonschema"]()
    if request := template.load(GATES):
        return request
    template.kinds.add(b"ready")
    seconds: float | None = 0
    while True:
        if request := template.serve(seconds):
            return request
        seconds = None


if __name__ == "__main__":
    gc.disable()  # a third of the import time; each kernel has its own collector
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    served = Template(Path(sys.argv[-1]))
    asked = serve_forever(served)
    served.close_in_child(asked)
    del served
    run_kernel(asked)
