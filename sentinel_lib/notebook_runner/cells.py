"""The cells of a notebook: finding one again, and marking where an execution stopped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from sentinel_lib.notebook_runner.parameters import TAG

HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_ADDED_BY_PAPERMILL = "papermill-error-cell-tag"
_SKIPPED = "skip-execution"


def read(path: Path) -> NotebookNode:
    """The notebook at ``path``."""
    content: NotebookNode = nbformat.read(path, as_version=4)
    return content


def write(notebook: NotebookNode, path: Path) -> None:
    """Keep ``notebook`` at ``path``."""
    nbformat.write(notebook, path)


def headings(notebook: NotebookNode) -> list[str]:
    """For every cell the last heading above it, or nothing."""
    found, heading = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and _ADDED_BY_PAPERMILL not in _tags(cell):
            heading = next(iter(HEADING.findall(cell.source)[-1:]), heading)
        found.append(heading)
    return found


def headings_when_executed(notebook: NotebookNode) -> list[str]:
    """``headings`` with the cell that Papermill injects below the parameters."""
    found = headings(notebook)
    declared = next((i for i, cell in enumerate(notebook.cells) if TAG in _tags(cell)), -1)
    return [*found[: declared + 1], *found[max(declared, 0) : declared + 1], *found[declared + 1 :]]


def execution_count(notebook: NotebookNode) -> int:
    """How many cells are sent to the kernel, with the injected one."""
    return 1 + sum(_is_sent_to_kernel(cell) for cell in notebook.cells)


def place(notebook: NotebookNode, index: int) -> str:
    """Where a person finds a cell: the number in front of it, its heading, its first line."""
    number = sum(_is_sent_to_kernel(cell) for cell in notebook.cells[: index + 1])
    heading = headings(notebook)[index]
    lines = [line.strip() for line in notebook.cells[index].source.splitlines() if line.strip()]
    under = f' under "{heading}"' if heading else ""
    return f"In [{number}]{under}" + (f": {lines[0]}" if lines else "")


def stopped_at(notebook: NotebookNode) -> int | None:
    """The index of the first cell that should have run to its end and did not."""
    for index, cell in enumerate(notebook.cells):
        if has_error(notebook, index) or (
            _is_sent_to_kernel(cell) and cell.execution_count is None
        ):
            return index
    return None


def has_error(notebook: NotebookNode, index: int) -> bool:
    """Whether the cell raised."""
    outputs = notebook.cells[index].get("outputs", [])
    return any(output.output_type == "error" for output in outputs)


def mark_failed(notebook: NotebookNode, index: int, error_name: str, error: str) -> None:
    """Say in the notebook that it ended at ``index``, and that no later cell ran.

    Papermill marks every cell completed when a kernel dies or a cell takes too long.
    """
    cell = notebook.cells[index]
    notebook.metadata.papermill["exception"] = True
    cell.metadata.setdefault("papermill", NotebookNode()).update(status="failed", exception=True)
    for later in notebook.cells[index + 1 :]:
        later.metadata.setdefault("papermill", NotebookNode()).update(status="pending")
    if not has_error(notebook, index):
        cell.outputs = [*cell.outputs, _error_output(error_name, error)]


def _error_output(error_name: str, error: str) -> Any:
    lines = [f"{error_name}: {error}"]
    return new_output("error", ename=error_name, evalue=error, traceback=lines)


def _is_sent_to_kernel(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip()) and _SKIPPED not in _tags(cell)


def _tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))
