"""The kernels of a run, or of many: one for each notebook, and the template they come from."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
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


@dataclass(eq=False)
class KernelPool:
    """Starts kernels in ``working_folder``, and does not outlive its block with any of them.

    With ``fork`` they come from a template, which imports ``modules`` (``template`` says what these
    may be) group by group: a kernel can be had as soon as the groups that it needs are there. Where
    that is not possible, or fails, ``on_fallback`` is told why, in one line, once, and ordinary
    kernels are started.
    """

    working_folder: Path
    modules: Sequence[Sequence[str]] = ()
    _: KW_ONLY
    fork: bool
    on_fallback: Callable[[str], None]
    _template: TemplateProcess | None = field(default=None, init=False)
    _prestarted: KernelProcess | None = field(default=None, init=False)
    _numbers: Iterator[int] = field(default_factory=count, init=False)

    def __enter__(self) -> Self:
        self._root = ConnectionFolder()
        return self

    def __exit__(self, *_: object) -> None:
        self.end_template()
        self._root.remove()

    def prestart(self, groups: int | None = None) -> None:
        """Start the next kernel, which needs the first ``groups`` of modules, or all; at once."""
        self._prestarted = self._prestarted or self._start(groups)

    def end_prestarted(self) -> None:
        """End the kernel that waits for a notebook; the template stays."""
        if self._prestarted is not None:
            kernel, self._prestarted = self._prestarted, None
            kernel.kill()

    @contextmanager
    def kernel(self, *, expects_next: bool) -> Iterator[KernelProcess]:
        """A kernel for the block. ``expects_next``: prestart another one meanwhile."""
        kernel = self._take()
        try:
            if expects_next:
                self.prestart()
            yield kernel
        finally:
            kernel.kill()

    def _take(self) -> KernelProcess:
        # Ctrl-C while it waits leaves it to the next notebook, or the end of the pool.
        kernel = self._prestarted = self._prestarted or self._start()
        if isinstance(kernel.process, ForkedProcess):
            try:
                kernel.process.wait_until_started(START_SECONDS)
            except TemplateError as failed:
                self.end_prestarted()
                self._fall_back(str(failed))
                kernel = self._start()
        self._prestarted = None
        return kernel

    def _start(self, groups: int | None = None) -> KernelProcess:
        if self.fork and not CAN_FORK:
            self._fall_back(f"forked kernels are not safe on {sys.platform}")
        folder = self._root.path / str(next(self._numbers))
        needed = len(self.modules) if groups is None else groups
        if self.fork:
            try:
                self._template = self._template or TemplateProcess(
                    self._root.path, self.working_folder, self.modules
                )
                return KernelProcess(folder, self.working_folder, self._template, needed)
            except (TemplateError, OSError) as failed:
                self._fall_back(str(failed))
        return KernelProcess(folder, self.working_folder, None, needed)

    def _fall_back(self, reason: str) -> None:
        if self.fork:
            self.fork = False
            self.on_fallback("; ".join(reason.splitlines()))
        self.end_template()

    def end_template(self) -> None:
        """End the template, and the kernel that waits for a notebook; the next has another."""
        self.end_prestarted()
        if self._template is not None:
            self._template.kill()
            self._template = None
