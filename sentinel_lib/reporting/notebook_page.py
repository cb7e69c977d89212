"""An executed notebook as a page: what it read, did and showed, and where it stopped."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sentinel_lib.errors import StorageError
from sentinel_lib.reporting import page

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
    from sentinel_lib.reporting.excerpt import ShownCells  # nbconvert takes a while to import

    try:
        notebook = _read(executed)
        raised = _raised_errors(notebook)
        shown = ShownCells(executed.name)
        cells = [
            shown.cell(cell)
            for cell in notebook.cells
            if not (raised and RUNNER_MARK in cell.metadata.get("tags", []))
        ]
        return page.render("notebook.html.j2", title=title, raised=raised, cells=cells).encode()
    # A malformed notebook fails with whatever it lacks first: KeyError, AttributeError, TypeError.
    except Exception as failed:
        raise StorageError(
            f"{executed} could not be rendered as a page",
            observed=f"{type(failed).__name__}: {failed}",
            expected="an executed Jupyter notebook (JSON, nbformat 4)",
            next_step="open the file in JupyterLab to see what is wrong, or run the stage again",
        ) from failed


def render_substitute(executed: Path, *, title: str, why: str) -> bytes:
    """A page that says ``why`` there is none of the executed notebook, and links that."""
    link = quote(executed.name)
    values = {"title": title, "why": why, "name": executed.name, "link": link}
    return page.render("substitute.html.j2", **values).encode()


def label(cell: Any) -> str:
    """A code cell as its prompt names it."""
    return f"In [{cell.execution_count or ' '}]"


def anchor(cell: Any) -> str:
    """The id of a cell on the page, or nothing."""
    return f"cell-id={cell.id}" if cell.get("id") else ""


def _read(executed: Path) -> Any:
    """The notebook; not by ``nbformat.reads``, which validates it: longer than to render it."""
    import nbformat
    from nbformat.v4.rwbase import rejoin_lines

    content = json.loads(executed.read_bytes())
    if content["nbformat"] != FORMAT:
        raise ValueError(f"it is of format {content['nbformat']}")
    return rejoin_lines(nbformat.from_dict(content))


def _raised_errors(notebook: Any) -> list[RaisedError]:
    return [
        RaisedError(label(cell), anchor(cell), output.ename, output.evalue[:LONGEST_MESSAGE])
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]
