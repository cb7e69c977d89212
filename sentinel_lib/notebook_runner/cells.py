"""The cells of a notebook: how a person finds one, and marking where an execution stopped."""

import re
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_ADDED_BY_PAPERMILL = "papermill-error-cell-tag"
_SKIPPED = "skip-execution"


def headings(notebook: NotebookNode) -> list[str]:
    """For every cell the last heading above it, or nothing."""
    headings, heading = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and _ADDED_BY_PAPERMILL not in _tags(cell):
            heading = next(iter(HEADING.findall(cell.source)[-1:]), heading)
        headings.append(heading)
    return headings


def count_sent(cells: list[NotebookNode]) -> int:
    """How many of ``cells`` are sent to the kernel."""
    return sum(map(_is_sent_to_kernel, cells))


def locate(notebook: NotebookNode, index: int) -> str:
    """Where a person finds a cell: the number in front of it, its heading, its first line."""
    cell, heading = notebook.cells[index], headings(notebook)[index]
    first_line = next(filter(None, map(str.strip, cell.source.splitlines())), "")
    number = f"In [{count_sent(notebook.cells[: index + 1])}]"
    under = f' under "{heading}"' if heading else ""
    return number + under + (f": {first_line}" if first_line else "")


def stopped_at(notebook: NotebookNode) -> int | None:
    """The index of the first cell that should have run to its end and did not."""
    for index, cell in enumerate(notebook.cells):
        if has_error(cell) or (_is_sent_to_kernel(cell) and cell.execution_count is None):
            return index
    return None


def has_error(cell: NotebookNode) -> bool:
    """Whether the cell raised."""
    return any(output.output_type == "error" for output in cell.get("outputs", []))


def mark_failed(notebook: NotebookNode, index: int, error_name: str, error: str) -> None:
    """Mark in the notebook that it ended at ``index``, and that no later cell ran.

    Papermill marks every cell completed when a kernel dies or a cell takes too long.
    """
    cell = notebook.cells[index]
    notebook.metadata.papermill["exception"] = True
    _papermill(cell).update(status="failed", exception=True)
    for later in notebook.cells[index + 1 :]:
        _papermill(later).update(status="pending")
    if not has_error(cell):
        traceback = [f"{error_name}: {error}"]
        output = new_output("error", ename=error_name, evalue=error, traceback=traceback)
        cell.outputs = [*cell.outputs, output]


def _papermill(cell: NotebookNode) -> Any:
    return cell.metadata.setdefault("papermill", NotebookNode())


def _is_sent_to_kernel(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip()) and _SKIPPED not in _tags(cell)


def _tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))
