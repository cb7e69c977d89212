"""The execution of one notebook by Papermill."""

from __future__ import annotations

import re
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sentinel_lib import errors
from sentinel_lib.forked_kernels.kernel_pool import KernelPool

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from sentinel_lib.forked_kernels.kernel_process import KernelProcess
    from sentinel_lib.notebook_runner.engine import ExecutedNotebook

TRACEBACK_LINES = 15
ERROR_HEAD, ERROR_TAIL = 15_000, 5_000
"""Characters of an error that are kept: it is in the record, the report, the mail and the log. The
notebook has all of it.
"""
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell that begins: the ``number``-th of ``count``, and the heading above it."""

    number: int
    count: int
    heading: str


@dataclass(frozen=True, slots=True)
class Execution:
    """How a notebook ended. ``seconds`` is wall time, with the start of the kernel.

    ``error`` is the text of what was raised, with the end of the traceback unless it was a
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


def prestart(kernels: KernelPool, *, has_gate: bool) -> None:
    """Start the first kernel, and import Papermill meanwhile. Returns at once.

    A first notebook without a gate need not wait for Great Expectations; one with a gate had
    better, which costs no more time, and saves it the import.
    """
    kernels.prestart(groups=None if has_gate else 1)
    threading.Thread(target=_import_papermill, daemon=True).start()


def execute(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    kernels: KernelPool,
    timeout_seconds: float,
    on_cell: Callable[[Cell], None],
    scrub: Callable[[str], str] = str,
    expects_next: bool = False,
) -> Execution:
    """Run ``notebook`` in one of ``kernels`` and keep it, executed, at ``output``.

    ``timeout_seconds`` is for all cells together. Whatever went wrong inside the notebook is in
    the ``Execution`` and marked at its cell; nothing of that is raised. If this execution
    ``expects_next``, the next kernel is started meanwhile. ``scrub`` takes the secrets out of a
    text: nothing is written or returned that has not been through it. Raises ``OSError`` if
    ``output`` cannot be written.
    """
    from sentinel_lib.notebook_runner.engine import ExecutedNotebook

    started = time.monotonic()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)
    executed = ExecutedNotebook(output, scrub)
    watch = _CellWatch(executed, timeout_seconds, on_cell)
    warned = warnings.catch_warnings(action="ignore")
    with warned, kernels.kernel(expects_next=expects_next) as kernel:
        try:
            failure = _run(notebook, parameters, kernels.working_folder, kernel, watch)
            cell = _mark(executed, failure) if failure else ""
        finally:
            executed.write()
    seconds = time.monotonic() - started
    if failure is None:
        return Execution("ok", seconds)
    texts = (cell, failure.error_name, failure.error)
    return Execution("failed", seconds, *map(scrub, texts))


@dataclass(slots=True)
class _CellWatch:
    """Follows the cells of one execution: tells which one begins, and how much time is left."""

    executed: ExecutedNotebook
    timeout_seconds: float
    on_cell: Callable[[Cell], None]
    context: Context = field(default_factory=copy_context)
    number: int = 0
    running: int | None = None
    deadline: float = 0.0

    def cell_begins(self, cell: NotebookNode, cell_index: int) -> None:
        """Called before a cell is sent; the first one starts the clock, as its kernel is there."""
        from sentinel_lib.notebook_runner import cells

        notebook = self.executed.content
        assert notebook is not None
        if self.running is None:
            self.deadline = time.monotonic() + self.timeout_seconds
        self.running = cell_index
        self.number += 1
        heading = cells.headings(notebook)[cell_index]
        begun = Cell(self.number, cells.count_sent(notebook.cells), heading)
        # Not in the context of Papermill's event loop: the caller's log fields are in the caller's.
        self.context.run(self.on_cell, begun)

    def seconds_left(self, cell: NotebookNode) -> float:
        """For the cell that has begun; 0 would mean no limit."""
        return max(0.01, self.deadline - time.monotonic())


def _run(
    notebook: Path,
    parameters: Mapping[str, Any],
    folder: Path,
    kernel: KernelProcess,
    watch: _CellWatch,
) -> _Failure | None:
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError

    from sentinel_lib.notebook_runner import cells, engine

    executed = watch.executed
    try:
        options = {"timeout_func": watch.seconds_left, "on_cell_execute": watch.cell_begins}
        done = engine.execute_notebook(
            notebook, executed, parameters, folder, kernel=kernel, **options
        )
    except PapermillExecutionError as raised:
        text = _error_text(raised.ename, raised.evalue, raised.traceback, executed.scrub)
        return _Failure(raised.ename, text)
    except CellTimeoutError:
        text = f"the notebook was not finished after {watch.timeout_seconds:g} s, its time limit"
        return _Failure("CellTimeoutError", text, watch.running)
    except KeyboardInterrupt:
        _mark(executed, _Failure("KeyboardInterrupt", "the run was stopped here", watch.running))
        raise
    except RuntimeError as died:  # also what Jupyter raises when the kernel never answers
        text = f"{died}: {kernel.how_it_ended(executed.scrub)}"
        return _Failure("DeadKernelError", text, watch.running)
    index = cells.stopped_at(done)
    if index is None:
        return None
    if cells.has_error(done.cells[index]):
        text = "sys.exit was called, so the cells after it did not run"
        return _Failure("SystemExit", text, index)
    return _Failure("StageError", "the kernel never executed the cell", index)


def _mark(executed: ExecutedNotebook, failure: _Failure) -> str:
    """Mark the cell where it ended in the executed notebook; returns where a person finds it."""
    from sentinel_lib.notebook_runner import cells

    if executed.content is None:
        return ""
    index = cells.stopped_at(executed.content) if failure.index is None else failure.index
    if index is None:
        return ""
    cells.mark_failed(executed.content, index, failure.error_name, failure.error)
    return cells.locate(executed.content, index)


def _error_text(
    error_name: str, error: str, traceback: list[str], scrub: Callable[[str], str]
) -> str:
    """The error's own text where it was raised on purpose, else with the end of the traceback."""
    error_class = getattr(errors, error_name, None)
    if isinstance(error_class, type) and issubclass(error_class, errors.SentinelError):
        return _shortened(scrub(error))
    # Scrubbed before it is cut: half a secret could not be found any more.
    lines = scrub(_ANSI.sub("", "\n".join(traceback))).splitlines()
    texts = [scrub(f"{error_name}: {error}"), *lines[-TRACEBACK_LINES:]]
    return "\n".join(map(_shortened, texts))


def _shortened(text: str) -> str:
    left_out = len(text) - ERROR_HEAD - ERROR_TAIL
    if left_out <= 0:
        return text
    return f"{text[:ERROR_HEAD]}\n[{left_out:,} characters left out]\n{text[-ERROR_TAIL:]}"


def _import_papermill() -> None:
    with suppress(ImportError):  # the execution imports it again, and raises
        from sentinel_lib.notebook_runner import engine  # noqa: F401  (takes half a second)
