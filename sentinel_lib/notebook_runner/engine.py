"""Papermill, with an engine that executes a notebook in a kernel that is already there."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_core.utils import ensure_event_loop, run_sync
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from sentinel_lib.forked_kernels.jupyter_manager import KERNEL_NAME, manager_of
from sentinel_lib.forked_kernels.kernel_process import KernelProcess

ENGINE_NAME = "sentinel"
START_SECONDS = 60
SAVE_EVERY_SECONDS = 1.0
_STRUCTURE = ("cell_type", "output_type")


@dataclass
class ExecutedNotebook:
    """What becomes of a notebook while it runs, on disk: never torn, hardly behind, and without a
    secret. ``content`` is there once it was parameterised.
    """

    path: Path
    scrub: Callable[[str], str]
    content: NotebookNode | None = None
    _saved_at: float = -SAVE_EVERY_SECONDS
    _later: asyncio.TimerHandle | None = None

    def save(self, loop: asyncio.AbstractEventLoop) -> None:
        """Keep the notebook as it is now; soon, if it was kept a moment ago."""
        wait = self._saved_at + SAVE_EVERY_SECONDS - time.monotonic()
        if wait <= 0:
            self.write()
        elif self._later is None:
            self._later = loop.call_later(wait, self._save_later)

    def write(self) -> None:
        """Keep the notebook as it is now."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self.content is None:
            return
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            part.write_text(nbformat.writes(scrubbed(self.content, self.scrub)), encoding="utf-8")
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)
        self._saved_at = time.monotonic()

    def _save_later(self) -> None:
        self._later = None
        with suppress(OSError):  # the next one raises it, at the latest the one at the end
            self.write()


class _Progress(NotebookExecutionManager):  # type: ignore[misc]  # papermill is untyped
    """Papermill's notes on an execution, kept by an ``ExecutedNotebook``."""

    def __init__(self, notebook: NotebookNode, executed: ExecutedNotebook) -> None:
        super().__init__(notebook, progress_bar=False)
        self.executed = executed
        executed.content = notebook

    def save(self, **_: Any) -> None:
        self.executed.save(ensure_event_loop())

    def autosave_cell(self, **_: Any) -> None:
        """After every message of a kernel; nothing new was begun or ended."""


class SentinelEngine(Engine):  # type: ignore[misc]  # papermill is untyped
    """Executes in ``kernel``, which stays its pool's; ``executed`` is what is kept."""

    @classmethod
    def execute_notebook(
        cls,
        nb: NotebookNode,
        kernel_name: str,
        *,
        executed: ExecutedNotebook,
        kernel: KernelProcess,
        timeout_func: Callable[[Any], float],
        on_cell_execute: Callable[..., None],
        **_: Any,
    ) -> NotebookNode:
        progress = _Progress(nb, executed)
        nb.metadata.papermill["output_path"] = str(executed.path)
        progress.notebook_start()
        manager = manager_of(kernel)
        client = PapermillNotebookClient(
            progress,
            km=manager,
            kernel_name=kernel_name,
            startup_timeout=START_SECONDS,
            timeout_func=timeout_func,
            on_cell_execute=on_cell_execute,
        )
        try:
            client.execute()
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            run_sync(manager.cleanup_resources)()
            progress.notebook_complete()
        return progress.nb


def scrubbed(value: Any, scrub: Callable[[str], str]) -> Any:
    """A copy in which every text is scrubbed, keys too, but not what makes it a notebook."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        pairs = {
            scrub(key): item if key in _STRUCTURE else scrubbed(item, scrub)
            for key, item in value.items()
        }
        return NotebookNode(pairs) if isinstance(value, NotebookNode) else pairs
    if isinstance(value, list | tuple):
        return [scrubbed(item, scrub) for item in value]
    return value


papermill_engines.register(ENGINE_NAME, SentinelEngine)
for name in ("papermill", "traitlets", "asyncio"):
    # What they tell their developers is not for the terminal; its failures are raised as well.
    logging.getLogger(name).setLevel(logging.CRITICAL)


def execute_notebook(
    notebook: Path,
    executed: ExecutedNotebook,
    parameters: Mapping[str, Any],
    folder: Path,
    **options: Any,
) -> NotebookNode:
    """Papermill's ``execute_notebook`` in ``folder``; only ``executed`` writes anything.

    ``options`` are those of ``SentinelEngine``.
    """
    with _event_loop() as context:
        return context.run(
            papermill.execute_notebook,
            str(notebook).replace("{", "{{").replace("}", "}}"),  # Papermill formats it
            None,
            dict(parameters),
            engine_name=ENGINE_NAME,
            kernel_name=KERNEL_NAME,
            language="python",
            cwd=folder,
            executed=executed,
            **options,
        )


@contextmanager
def _event_loop() -> Iterator[Context]:
    """A context with an event loop of its own, closed behind it: Jupyter makes one for every
    thread it is called from, and never closes it.
    """
    context = Context()
    loop = context.run(ensure_event_loop)
    # Of tasks that nobody awaits any more: why they are not was raised where it happened.
    loop.set_exception_handler(lambda *_: None)
    try:
        yield context
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
