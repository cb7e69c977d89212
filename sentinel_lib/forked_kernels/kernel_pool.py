"""The kernels of a run, or of many: one for each notebook, and the template they come from."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Self

from sentinel_lib.forked_kernels.connection_folder import ConnectionFolder
from sentinel_lib.forked_kernels.kernel_process import KernelProcess
from sentinel_lib.forked_kernels.template_process import (
    ForkedProcess,
    TemplateError,
    TemplateProcess,
)

CAN_FORK = sys.platform == "linux"
"""On macOS, libraries of the system crash in forked processes; Windows has no fork."""

START_SECONDS = 60.0


class KernelPool:
    """Starts kernels in ``working_folder``, and does not outlive its block with any of them.

    With ``fork`` they come from a template, which imports ``modules`` group by group: a kernel can
    be had as soon as the groups that it needs are there. Where that is not possible, or fails,
    ``on_fallback`` is told why, in one line, once, and ordinary kernels are started.
    """

    def __init__(
        self,
        working_folder: Path,
        modules: Sequence[Sequence[str]] = (),
        *,
        fork: bool,
        on_fallback: Callable[[str], None],
    ) -> None:
        self.working_folder = working_folder
        self.modules = modules
        self._on_fallback = on_fallback
        self._is_forking = fork
        self._template: TemplateProcess | None = None
        self._prestarted: KernelProcess | None = None
        self._running: set[KernelProcess] = set()
        self._root: ConnectionFolder | None = None
        self._numbers = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_prestarted()
        for kernel in list(self._running):
            kernel.kill()
        self._end_template()
        if self._root is not None:
            self._root.remove()
            self._root = None

    def prestart(self, groups: int | None = None) -> None:
        """Start the template and the next kernel, which needs the first ``groups`` of modules,
        or all. Returns at once.
        """
        if self._prestarted is None:
            self._prestarted = self._start(groups)

    def end_prestarted(self) -> None:
        """End the kernel that waits for a notebook; the template stays."""
        if self._prestarted is not None:
            kernel, self._prestarted = self._prestarted, None
            kernel.kill()

    @contextmanager
    def kernel(self, *, expects_next: bool) -> Iterator[KernelProcess]:
        """A kernel for the block. ``expects_next``: prestart another one meanwhile."""
        kernel = self._take()
        self._running.add(kernel)
        try:
            if expects_next:
                self.prestart()
            yield kernel
        finally:
            kernel.kill()
            self._running.discard(kernel)

    def _take(self) -> KernelProcess:
        kernel, self._prestarted = self._prestarted or self._start(), None
        if isinstance(kernel.process, ForkedProcess):
            try:
                kernel.process.wait_until_started(START_SECONDS)
            except TemplateError as failed:
                kernel.kill()
                self._fall_back(str(failed))
                return self._start()
            except BaseException:  # Ctrl-C while it waits
                kernel.kill()
                raise
        return kernel

    def _start(self, groups: int | None = None) -> KernelProcess:
        if self._is_forking and not CAN_FORK:
            self._fall_back(f"forked kernels are not safe on {sys.platform}")
        if self._is_forking:
            try:
                if self._template is None:
                    self._template = TemplateProcess(self._folder(), self.modules)
                return self._new_kernel(self._template, groups)
            except (TemplateError, OSError) as failed:
                self._fall_back(str(failed))
        return self._new_kernel(None)

    def _new_kernel(
        self, template: TemplateProcess | None, groups: int | None = None
    ) -> KernelProcess:
        folder = self._folder() / str(next(self._numbers))
        needed = len(self.modules) if groups is None else groups
        return KernelProcess(folder, self.working_folder, template, needed)

    def _fall_back(self, reason: str) -> None:
        if self._is_forking:
            self._is_forking = False
            self._on_fallback("; ".join(reason.splitlines()))
        self._end_template()

    def _end_template(self) -> None:
        if self._template is not None:
            self._template.kill()
            self._template = None

    def _folder(self) -> Path:
        if self._root is None:
            self._root = ConnectionFolder()
        return self._root.path
