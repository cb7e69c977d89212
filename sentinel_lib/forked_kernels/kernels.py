"""The kernels of a run, or of many: each notebook's own, and the template they are forked from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from sentinel_lib.forked_kernels.forked import ForkedProcess, Template, TemplateError
from sentinel_lib.forked_kernels.kernel import Kernel
from sentinel_lib.forked_kernels.private_folder import PrivateFolder

CAN_FORK = sys.platform == "linux"
"""On macOS, libraries of the system crash in forked processes; Windows has no fork."""

START_SECONDS = 60.0


class Kernels:
    """Starts kernels, and does not outlive its block with any of them.

    With ``fork`` they come from a template that has imported what notebooks need. Where that
    cannot be, or fails, ``on_fallback`` is told why, in a line, once, and ordinary kernels are
    started, which takes longer.
    """

    def __init__(
        self,
        *,
        fork: bool,
        on_fallback: Callable[[str], None],
        start_seconds: float = START_SECONDS,
    ) -> None:
        self.start_seconds = start_seconds
        self._on_fallback = on_fallback
        self._is_forking = fork
        self._template: Template | None = None
        self._prestarted: Kernel | None = None
        self._running: set[Kernel] = set()
        self._root: PrivateFolder | None = None
        self._numbers = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.rest()
        for kernel in list(self._running):
            kernel.kill()
        if self._template is not None:
            self._template.kill()
            self._template = None
        if self._root is not None:
            self._root.remove()
            self._root = None

    def warm(self, *, first_has_gate: bool = True) -> None:
        """Prestart the template and the first kernel. Returns at once.
        A first notebook without a gate need not wait for Great Expectations; one
               with a gate had better, which costs no more time, and saves it the import.
        """
        if self._prestarted is None:
            self._prestarted = self._start(is_early=not first_has_gate)

    def rest(self) -> None:
        """End the prestarted kernel; the template stays."""
        if self._prestarted is not None:
            kernel, self._prestarted = self._prestarted, None
            kernel.kill()

    @contextmanager
    def kernel(self, *, expects_next: bool) -> Iterator[Kernel]:
        """A kernel for the block. ``expects_next``: prestart another one meanwhile."""
        kernel = self._take()
        self._running.add(kernel)
        try:
            if expects_next and self._prestarted is None:
                self._prestarted = self._start()
            yield kernel
        finally:
            kernel.kill()
            self._running.discard(kernel)

    def _take(self) -> Kernel:
        kernel, self._prestarted = self._prestarted or self._start(), None
        if isinstance(kernel.process, ForkedProcess):
            try:
                kernel.process.wait_until_started(self.start_seconds)
            except TemplateError as failed:
                kernel.kill()
                self._fall_back(str(failed))
                return self._start()
            except BaseException:  # Ctrl-C while it waits
                kernel.kill()
                raise
        return kernel

    def _start(self, *, is_early: bool = False) -> Kernel:
        if self._is_forking and not CAN_FORK:
            self._fall_back(f"forked kernels are not safe on {sys.platform}")
        if self._is_forking:
            try:
                if self._template is None:
                    self._template = Template(self._folder())
                return Kernel(self._next_folder(), self._template, is_early=is_early)
            except (TemplateError, OSError) as failed:
                self._fall_back(str(failed))
        return Kernel(self._next_folder(), None)

    def _fall_back(self, why: str) -> None:
        if self._is_forking:
            self._is_forking = False
            self._on_fallback("; ".join(why.splitlines()))
        if self._template is not None:
            self._template.kill()
            self._template = None

    def _folder(self) -> Path:
        if self._root is None:
            self._root = PrivateFolder()
        return self._root.path

    def _next_folder(self) -> Path:
        return self._folder() / str(next(self._numbers))
