"""The execution of one notebook by Papermill."""

from __future__ import annotations

import logging
import math
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sentinel_lib import errors
from sentinel_lib.settings.project import PROJECT_ROOT

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from sentinel_lib.notebook_runner.kernel import KernelProcess

KERNEL = "python3"
TRACEBACK_LINES = 15
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
    index: int | None


def execute(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    timeout_seconds: float,
    on_cell: Callable[[Cell], None],
) -> Execution:
    """Run ``notebook`` at the project's root and keep it, executed, at ``output``.

    ``timeout_seconds`` is for all cells together. Whatever went wrong inside the notebook is in
    the ``Execution`` and marked at its cell; nothing of that is raised.
    """
    from sentinel_lib.notebook_runner.kernel import kernel_process

    started = time.monotonic()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)
    with _quiet(), kernel_process(output.with_suffix(".kernel.json")) as kernel:
        watch = _Watch(notebook, timeout_seconds, on_cell)
        failure = _run(notebook, output, parameters, kernel, watch)
        if failure is None:
            return Execution("ok", time.monotonic() - started)
        place = _mark(output, failure)
    seconds = time.monotonic() - started
    return Execution("failed", seconds, place, failure.error_name, failure.error)


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
        self.begun: list[int] = []
        self.deadline = 0.0

    def cell_begins(self, cell: NotebookNode, cell_index: int) -> None:
        """Called before a cell is sent; the first one starts the clock, as its kernel is there."""
        if not self.begun:
            self.deadline = time.monotonic() + self.timeout_seconds
        self.begun.append(cell_index)
        self.on_cell(Cell(len(self.begun), self.count, self.headings[cell_index]))

    def seconds_left(self, cell: NotebookNode) -> float:
        """For the cell that has begun; 0 would mean no limit."""
        return max(0.01, self.deadline - time.monotonic())

    @property
    def running(self) -> int | None:
        """The index of the cell that began last."""
        return self.begun[-1] if self.begun else None


def _run(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    kernel: KernelProcess,
    watch: _Watch,
) -> _Failure | None:
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError

    from sentinel_lib.notebook_runner import cells

    try:
        executed = _execute(notebook, output, parameters, kernel, watch)
    except PapermillExecutionError as raised:
        words = _in_words(raised.ename, raised.evalue, raised.traceback)
        return _Failure(raised.ename, words, None)
    except CellTimeoutError:
        limit = f"the notebook had not finished after {watch.timeout_seconds:g} s, its time limit"
        return _Failure("CellTimeoutError", limit, watch.running)
    except KeyboardInterrupt:
        _mark(output, _Failure("KeyboardInterrupt", "the run was stopped here", watch.running))
        raise
    except RuntimeError as died:  # also what Jupyter raises when the kernel never answers
        return _Failure("DeadKernelError", f"{died}: {kernel.obituary()}", watch.running)
    index = cells.stopped_at(executed)
    if index is None:
        return None
    if cells.has_error(executed, index):
        why = "sys.exit was called, so the cells after it did not run"
        return _Failure("SystemExit", why, index)
    return _Failure("StageError", "the kernel never executed the cell", index)


def _execute(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    kernel: KernelProcess,
    watch: _Watch,
) -> NotebookNode:
    import papermill

    return papermill.execute_notebook(
        _literal(notebook),
        _literal(output),
        dict(parameters),
        kernel_name=KERNEL,
        language="python",
        progress_bar=False,
        log_output=False,
        request_save_on_cell_execute=True,
        cwd=PROJECT_ROOT,
        shutdown_kernel="immediate",
        execution_timeout=math.ceil(watch.timeout_seconds),
        timeout_func=watch.seconds_left,
        kernel_manager_class=kernel.manager_class(),
        extra_arguments=["--log-level=ERROR"],
        on_cell_execute=watch.cell_begins,
    )


def _mark(output: Path, failure: _Failure) -> str:
    """Mark the cell where it ended in the executed notebook; where that is, in words."""
    from sentinel_lib.notebook_runner import cells

    if not output.exists():
        return ""
    executed = cells.read(output)
    index = cells.stopped_at(executed) if failure.index is None else failure.index
    if index is None:
        return ""
    cells.mark_failed(executed, index, failure.error_name, failure.error)
    cells.write(executed, output)
    return cells.place(executed, index)


def _in_words(error_name: str, error: str, traceback: list[str]) -> str:
    """The error's own text where it was raised on purpose, else with the end of the traceback."""
    raised = getattr(errors, error_name, None)
    if isinstance(raised, type) and issubclass(raised, errors.SentinelError):
        return error
    lines = _ANSI.sub("", "\n".join(traceback)).splitlines()
    return "\n".join([f"{error_name}: {error}", *lines[-TRACEBACK_LINES:]])


def _literal(path: Path) -> str:
    """Papermill formats the paths it is given."""
    return str(path).replace("{", "{{").replace("}", "}}")


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
