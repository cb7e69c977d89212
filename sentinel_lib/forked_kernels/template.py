"""The template: a process that has imported what notebooks need, and forks a kernel when asked.

It is run as a file, with no folder of the user's on the path. Its arguments are the private folder
of the runner, the folder where notebooks work, and what to import, in groups, as JSON:

- ``module``; ``./module`` of the user's own, which the notebooks will not see edited;
- ``module:function:argument:...``, to call a function that keeps what it makes for later calls;
- ``~module``, to put off until it is looked into, as long as its group is imported.

Standard input is a socket to the runner, and its end is the end of this process and of every
kernel.

A request is one message there, the number of groups that the kernel needs, with three descriptors:
the kernel's socket, its output, and a file that says how to launch it. On the kernel's socket goes
``started PID`` or ``refused REASON``, later ``ended CODE``. A kernel that has ended stays a zombie
until the runner closes that socket, so its process id cannot come to mean another process;
closing it earlier kills the kernel.
"""

import builtins
import ctypes
import gc
import importlib
import json
import logging
import os
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Request:
    """A kernel to start, that needs ``groups`` of modules; ``reply`` is its socket."""

    groups: int
    reply: socket.socket
    output: int
    launch: int

    def close_files(self) -> None:
        """Close what only the kernel needs."""
        os.close(self.output)
        os.close(self.launch)


class TemplateServer:
    """Serves the requests of one runner.

    ``loaded`` is how many groups are imported. ``kernels`` are the children that the runner still
    holds, ``ended`` those of them that are zombies.
    """

    def __init__(self, folder: Path, working_folder: str) -> None:
        self.folder = folder
        self.working_folder = working_folder
        self.runner = socket.socket(fileno=os.dup(0))
        self.loaded = 0
        self.waiting: list[Request] = []
        self.kernels: dict[int, socket.socket] = {}
        self.ended: set[int] = set()
        self.child_ended, self.wakeup = os.pipe()
        for end in (self.child_ended, self.wakeup):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self.wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def load(self, entries: Sequence[str]) -> None:
        """Import a group, serving between modules."""
        for entry in entries:
            self.serve(0)
            # What cannot be imported here cannot be in the kernel either, and is told there.
            with suppress(Exception):
                self.prepare(entry)
        for name, module in list(sys.modules.items()):
            if isinstance(module, PutOff):
                del sys.modules[name]
        self.loaded += 1

    def prepare(self, entry: str) -> None:
        """Import a module, its function called if ``entry`` says so; or put it off."""
        if entry.startswith("~"):
            sys.modules.setdefault(entry[1:], PutOff(entry[1:]))
        elif entry.startswith("./"):
            sys.path.insert(0, self.working_folder)
            try:
                import_module(entry[2:])
            finally:
                sys.path.remove(self.working_folder)
        else:
            module, *call = entry.split(":")
            import_module(module)
            if call:
                getattr(sys.modules[module], call[0])(*call[1:])

    def serve(self, seconds: float | None) -> None:
        """Do what there is to do; wait ``seconds`` for it."""
        watched: list[Any] = [self.runner, self.child_ended, *self.kernels.values()]
        readable = select.select(watched, [], [], seconds)[0]
        if self.runner in readable:
            self.receive()
        for pid in [pid for pid, reply in self.kernels.items() if reply in readable]:
            self.release(pid)
        if self.child_ended in readable:
            with suppress(BlockingIOError):
                os.read(self.child_ended, 4096)
        self.report_ends()
        for request in [request for request in self.waiting if request.groups <= self.loaded]:
            self.waiting.remove(request)
            self.fork(request)

    def receive(self) -> None:
        """Take in one request, or notice that the runner is gone."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self.runner, 64, 3)
        except ConnectionError:
            message = b""
        if not message:
            self.end()
        reply, output, launch = descriptors
        self.waiting.append(Request(int(message), socket.socket(fileno=reply), output, launch))

    def fork(self, request: Request) -> None:
        """Start a kernel for ``request``; does not return in the kernel."""
        threads = len(list(Path("/proc/self/task").iterdir()))
        if threads != 1:
            self.send(request.reply, f"refused the template process has {threads} threads")
            request.reply.close()
            request.close_files()
            return
        gc.freeze()
        template = os.getpid()
        pid = os.fork()
        if pid == 0:
            die_with(template)
            self.close_in_child(request)
            run_kernel(request)
            sys.exit()
        request.close_files()
        self.kernels[pid] = request.reply
        self.send(request.reply, f"started {pid}")

    def release(self, pid: int) -> None:
        """The runner has no more use for this kernel."""
        self.kernels.pop(pid).close()
        if pid in self.ended:
            self.ended.remove(pid)
        else:
            kill(pid)
        os.waitpid(pid, 0)

    def report_ends(self) -> None:
        """Tell how the kernels ended that did, and leave them as zombies."""
        for pid in self.kernels.keys() - self.ended:
            end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if end is not None:
                self.ended.add(pid)
                code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
                self.send(self.kernels[pid], f"ended {code}")

    def send(self, reply: socket.socket, message: str) -> None:
        """Tell the runner, who may have closed the socket: the next look shows that."""
        with suppress(OSError):
            reply.send(message.encode())

    def end(self) -> NoReturn:
        """The runner is gone: so are its kernels, its folder and this process."""
        for pid in self.kernels.keys() - self.ended:
            kill(pid)
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(0)

    def close_in_child(self, request: Request) -> None:
        """A kernel keeps nothing of what belongs to the template."""
        signal.set_wakeup_fd(-1)
        for waiting in self.waiting:
            waiting.close_files()
            waiting.reply.close()
        for connection in (*self.kernels.values(), self.runner, request.reply):
            connection.close()
        os.close(self.child_ended)
        os.close(self.wakeup)


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


class PutOff(ModuleType):
    """Stands in for a module that takes long to import until something in it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def import_module(module: str) -> None:
    """Import it; pandas as in a kernel, for it looks once where it is, and prints accordingly."""
    if module == "pandas":
        builtins.get_ipython = lambda: SimpleNamespace(kernel=None)  # type: ignore[attr-defined]
    try:
        importlib.import_module(module)
    finally:
        if module == "pandas":
            del builtins.get_ipython  # type: ignore[attr-defined]


def run_kernel(request: Request) -> None:
    """Be what ``python -m ipykernel_launcher`` would be, without the imports."""
    with os.fdopen(request.launch, "rb") as file:
        file.seek(0)
        launch: dict[str, Any] = json.load(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, number in ((nothing, 0), (request.output, 1), (request.output, 2)):
        os.dup2(descriptor, number)
    os.close(nothing)
    os.close(request.output)
    os.chdir(launch["folder"])
    os.environ.clear()
    os.environ.update({**launch["environment"], "JPY_PARENT_PID": str(os.getppid())})
    time.tzset()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "numpy" in sys.modules:  # Python's own random numbers start anew by themselves
        sys.modules["numpy"].random.seed()
    # A library sends warnings to the log, once it is imported: here that was not the notebook.
    logging.captureWarnings(False)
    gc.enable()
    arguments = [*launch["arguments"], f"--IPKernelApp.parent_handle={os.getppid()}"]
    sys.argv = ["ipykernel_launcher", *arguments]
    kernelapp = importlib.import_module("ipykernel.kernelapp")
    kernelapp.launch_new_instance(arguments)


if __name__ == "__main__":
    gc.disable()  # a third of the import time; each kernel has its own collector
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = TemplateServer(Path(sys.argv[-3]), sys.argv[-2])
    for group in json.loads(sys.argv[-1]):
        server.load(group)
    server.serve(0)  # what has waited for the last group
    while True:
        server.serve(None)
