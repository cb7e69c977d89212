"""An executed notebook as a page: what it read, did and showed, and where it stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sentinel_lib.errors import StorageError
from sentinel_lib.reporting import page

if TYPE_CHECKING:
    from sentinel_lib.reporting.excerpt import ShownCell

FORMAT = 4
"""The version of the notebook format that is written today, and read here."""

RUNNER_MARK = "papermill-error-cell-tag"
"""The tag of the cells that Papermill adds around an error; the page says it better on top."""

LONGEST_MESSAGE = 2_000
"""Characters of an error's message on top of the page; its traceback is at the cell."""


@dataclass(frozen=True, slots=True)
class RaisedError:
    """An error that a cell raised. ``anchor`` is the cell's id on the page, or empty."""

    cell: str
    anchor: str
    name: str
    message: str


def render_notebook(executed: Path, *, title: str) -> bytes:
    """The executed notebook as one self-contained page; nothing is executed.

    Raises ``StorageError`` naming the notebook if it cannot be read or rendered.
    """
    notebook = _read(executed)
    try:
        raised = _raised_errors(notebook)
        return page.render(
            "notebook.html.j2",
            title=title,
            raised=raised,
            cells=_cells(notebook, bool(raised), executed.name),
        )
    # A malformed notebook fails with whatever it lacks first.
    except Exception as failed:
        raise _unreadable(executed, failed) from failed


def render_substitute(executed: Path, *, title: str, why: str) -> bytes:
    """A page that says ``why`` there is none of the executed notebook, and links that."""
    return page.render(
        "substitute.html.j2", title=title, why=why, name=executed.name, link=quote(executed.name)
    )


def _read(executed: Path) -> Any:
    import nbformat
    from nbformat.v4.rwbase import rejoin_lines

    try:
        # Not nbformat.reads: it also validates, which takes longer than to render.
        content = json.loads(executed.read_bytes())
        if content["nbformat"] != FORMAT:
            raise ValueError(f"it is of format {content['nbformat']}")
        return rejoin_lines(nbformat.from_dict(content))
    # What is no notebook fails with KeyError, AttributeError, TypeError, ...
    except Exception as failed:
        raise _unreadable(executed, failed) from failed


def _cells(notebook: Any, has_errors: bool, file_name: str) -> list[ShownCell]:
    from sentinel_lib.reporting.excerpt import Excerpt

    excerpt = Excerpt(file_name)
    return [excerpt.cell(cell) for cell in notebook.cells if not _is_mark(cell, has_errors)]


def _is_mark(cell: Any, has_errors: bool) -> bool:
    return has_errors and RUNNER_MARK in cell.metadata.get("tags", [])


def _raised_errors(notebook: Any) -> list[RaisedError]:
    from sentinel_lib.reporting.excerpt import anchor, label

    return [
        RaisedError(
            cell=label(cell),
            anchor=anchor(cell),
            name=output.ename,
            message=output.evalue[:LONGEST_MESSAGE],
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]


def _unreadable(executed: Path, failed: Exception) -> StorageError:
    return StorageError(
        f"{executed} could not be rendered as a page",
        observed=f"{type(failed).__name__}: {failed}",
        expected="an executed Jupyter notebook (JSON, nbformat 4)",
        next_step="open the file in JupyterLab to see what is wrong, or run the stage again",
    )
