"""Papermill, with an engine that executes a notebook in a kernel that is already there."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from pathlib import Path
from typing import Any

import papermill
from jupyter_core.utils import ensure_event_loop, run_sync
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from sentinel_lib.forked_kernels.jupyter_manager import KERNEL_NAME, manager_of
from sentinel_lib.forked_kernels.kernel_process import KernelProcess
from sentinel_lib.notebook_runner.executed import ExecutedNotebook

ENGINE_NAME = "sentinel"
START_SECONDS = 60


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
