"""The execution of one notebook by Papermill."""

from __future__ import annotations

import logging
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sentinel_lib import errors
from sentinel_lib.forked_kernels.iri_grammar import import_jsonschema
from sentinel_lib.forked_kernels.kernels import Kernels
from sentinel_lib.settings.project import PROJECT_ROOT

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from sentinel_lib.forked_kernels.kernel import Kernel
    from sentinel_lib.notebook_runner.executed import ExecutedNotebook

TRACEBACK_LINES = 15
ERROR_HEAD, ERROR_TAIL = 15_000, 5_000
"""Characters of an error that are kept: it is in the record, the report, the mail and the log. The
notebook has all of it.
"""
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NOISY_LOGGERS = ("papermill", "traitlets", "asyncio")


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell that begins: the ``number``-th of ``count``, and the heading above it."""

    number: int
    count: int
    heading: str


@dataclass(frozen=True, slots=True)
class Execution:
    """How a notebook ended. ``seconds`` is wall time, with the start of the kernel.

    ``error`` is what was raised, in words; with the end of the traceback unless it was a
    ``SentinelError``. ``cell`` says where to look in the executed notebook.
    """

    status: Literal["ok", "failed"]
    seconds: float
    cell: str = ""
    error_name: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Failure:
    error_name: str
    error: str
    index: int | None = None


def warm(kernels: Kernels, *, first_has_gate: bool = True) -> None:
    """Prestart the first kernel, and import Papermill meanwhile. Returns at once."""
    kernels.warm(first_has_gate=first_has_gate)
    threading.Thread(target=_import_papermill, daemon=True).start()


def execute(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    timeout_seconds: float,
    on_cell: Callable[[Cell], None],
    kernels: Kernels | None = None,
    scrub: Callable[[str], str] = str,
    expects_next: bool = False,
) -> Execution:
    """Run ``notebook`` at the project's root and keep it, executed, at ``output``.

    ``timeout_seconds`` is for all cells together. Whatever went wrong inside the notebook is in
    the ``Execution`` and marked at its cell; nothing of that is raised.

    The kernel is one of ``kernels``, where the next one is started meanwhile if this execution
    ``expects_next``; without them it is an ordinary one. ``scrub`` takes the secrets out of a text:
    nothing is written or returned that has not been through it.
    """
    import_jsonschema()
    from sentinel_lib.notebook_runner.executed import ExecutedNotebook

    started = time.monotonic()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)
    executed = ExecutedNotebook(output, scrub)
    watch = _Watch(notebook, timeout_seconds, on_cell)
    ordinary = Kernels(fork=False, on_fallback=_ignore)
    with (
        _quiet(),
        nullcontext(kernels) if kernels else ordinary as source,
        source.kernel(expects_next=expects_next) as kernel,
    ):
        try:
            failure = _run(notebook, executed, parameters, kernel, watch)
            place = _mark(executed, failure) if failure else ""
        finally:
            executed.write()
    seconds = time.monotonic() - started
    if failure is None:
        return Execution("ok", seconds)
    words = (place, failure.error_name, failure.error)
    return Execution("failed", seconds, *(executed.scrub(one) for one in words))


class _Watch:
    """Follows the cells of one execution: says which one begins, and how much time is left."""

    def __init__(
        self, notebook: Path, timeout_seconds: float, on_cell: Callable[[Cell], None]
    ) -> None:
        from sentinel_lib.notebook_runner import cells

        source = cells.read(notebook)
        self.headings = cells.headings_when_executed(source)
        self.count = cells.execution_count(source)
        self.timeout_seconds = timeout_seconds
        self.on_cell = on_cell
        self.context = copy_context()
        self.begun: list[int] = []
        self.deadline = 0.0

    def cell_begins(self, cell: NotebookNode, cell_index: int) -> None:
        """Called before a cell is sent; the first one starts the clock, as its kernel is there."""
        if not self.begun:
            self.deadline = time.monotonic() + self.timeout_seconds
        self.begun.append(cell_index)
        cell_begun = Cell(len(self.begun), self.count, self.headings[cell_index])
        # Not in the context of Papermill's event loop: the caller's log fields are in his own.
        self.context.run(self.on_cell, cell_begun)

    def seconds_left(self, cell: NotebookNode) -> float:
        """For the cell that has begun; 0 would mean no limit."""
        return max(0.01, self.deadline - time.monotonic())

    @property
    def running(self) -> int | None:
        """The index of the cell that began last."""
        return self.begun[-1] if self.begun else None


def _run(
    notebook: Path,
    executed: ExecutedNotebook,
    parameters: Mapping[str, Any],
    kernel: Kernel,
    watch: _Watch,
) -> _Failure | None:
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError

    from sentinel_lib.notebook_runner import cells, engine

    try:
        done = engine.execute_notebook(
            notebook,
            executed,
            parameters,
            PROJECT_ROOT,
            kernel=kernel,
            timeout_func=watch.seconds_left,
            on_cell_execute=watch.cell_begins,
        )
    except PapermillExecutionError as raised:
        words = _in_words(raised.ename, raised.evalue, raised.traceback, executed.scrub)
        return _Failure(raised.ename, words)
    except CellTimeoutError:
        limit = f"the notebook had not finished after {watch.timeout_seconds:g} s, its time limit"
        return _Failure("CellTimeoutError", limit, watch.running)
    except KeyboardInterrupt:
        _mark(executed, _Failure("KeyboardInterrupt", "the run was stopped here", watch.running))
        raise
    except RuntimeError as died:  # also what Jupyter raises when the kernel never answers
        obituary = kernel.obituary(executed.scrub)
        return _Failure("DeadKernelError", f"{died}: {obituary}", watch.running)
    index = cells.stopped_at(done)
    if index is None:
        return None
    if cells.has_error(done, index):
        why = "sys.exit was called, so the cells after it did not run"
        return _Failure("SystemExit", why, index)
    return _Failure("StageError", "the kernel never executed the cell", index)


def _mark(executed: ExecutedNotebook, failure: _Failure) -> str:
    """Mark the cell where it ended in the executed notebook; where that is, in words."""
    from sentinel_lib.notebook_runner import cells

    if executed.content is None:
        return ""
    index = cells.stopped_at(executed.content) if failure.index is None else failure.index
    if index is None:
        return ""
    cells.mark_failed(executed.content, index, failure.error_name, failure.error)
    return cells.place(executed.content, index)


def _in_words(
    error_name: str, error: str, traceback: list[str], scrub: Callable[[str], str]
) -> str:
    """The error's own text where it was raised on purpose, else with the end of the traceback."""
    raised = getattr(errors, error_name, None)
    if isinstance(raised, type) and issubclass(raised, errors.SentinelError):
        return _shortened(scrub(error))
    # Scrubbed before it is cut: half a secret cannot be found any more.
    lines = scrub(_ANSI.sub("", "\n".join(traceback))).splitlines()
    words = [scrub(f"{error_name}: {error}"), *lines[-TRACEBACK_LINES:]]
    return "\n".join(map(_shortened, words))


def _shortened(text: str) -> str:
    left_out = len(text) - ERROR_HEAD - ERROR_TAIL
    if left_out <= 0:
        return text
    return f"{text[:ERROR_HEAD]}\n[{left_out:,} characters left out]\n{text[-ERROR_TAIL:]}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Papermill and Jupyter tell their developers off the terminal.

    The failures among it are also raised, and are reported from there.
    """
    levels = {name: logging.getLogger(name).level for name in _NOISY_LOGGERS}
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _ignore(_: str) -> None:
    """Nobody asked for anything but ordinary kernels."""


def _import_papermill() -> None:
    import_jsonschema()
    with suppress(ImportError):  # the execution imports it again, and raises
        from sentinel_lib.notebook_runner import engine  # noqa: F401  (takes half a second)
