"""An executed notebook as a page: what it read, did and showed, and where it stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_lib.errors import StorageError
from sentinel_lib.reporting import offline, page
from sentinel_lib.storage import artifacts

if TYPE_CHECKING:
    from nbconvert import HTMLExporter

SHOWN_OUTPUTS = (
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/latex",
    "text/plain",
)
"""The forms of an output that need no script, the richest first."""

FORMAT = 4
"""The version of the notebook format that is written today, and read here."""

RUNNER_MARK = "papermill-error-cell-tag"
"""The tag of the cells that Papermill adds around an error; the page says it better on top."""


@dataclass(frozen=True, slots=True)
class RaisedError:
    """An error that a cell raised. ``anchor`` is the cell's id on the page, or empty."""

    cell: str
    anchor: str
    name: str
    message: str


def render_notebook(executed: Path, html: Path, *, title: str) -> None:
    """Write the executed notebook as one self-contained page; nothing is executed.

    Raises ``StorageError`` naming the notebook if it cannot be read or rendered.
    """
    notebook = _read(executed)
    try:
        raised = _raised_errors(notebook)
        content = page.render(
            "notebook.html.j2", title=title, raised=raised, body=_body(notebook, bool(raised))
        )
    # A malformed notebook makes nbconvert's templates fail with whatever they trip over first.
    except Exception as failed:
        raise _unreadable(executed, failed) from failed
    artifacts.replace(html, content)


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


@cache
def _exporter() -> HTMLExporter:
    """Made once, because it compiles its templates."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    return HTMLExporter(
        template_name="basic",
        exclude_anchor_links=True,
        config=Config({"NbConvertBase": {"display_data_priority": list(SHOWN_OUTPUTS)}}),
    )


def _body(notebook: Any, has_errors: bool) -> str:
    from bs4 import BeautifulSoup

    notebook.cells = [_described(cell) for cell in notebook.cells if not _is_mark(cell, has_errors)]
    fragment, _ = _exporter().from_notebook_node(notebook)
    soup = BeautifulSoup(fragment, "html.parser")
    offline.keep_inside(soup)
    for level in range(5, 0, -1):  # the page's title is its one h1
        for heading in soup.find_all(f"h{level}"):
            heading.name = f"h{level + 1}"
    for scrolling in soup.select(".output_html"):
        scrolling["tabindex"] = "0"
    return str(soup)


def _is_mark(cell: Any, has_errors: bool) -> bool:
    return has_errors and RUNNER_MARK in cell.metadata.get("tags", [])


def _described(cell: Any) -> Any:
    """The cell, with words for its pictures where its author gave none."""
    if cell.cell_type == "code":
        cell.metadata.setdefault("alt", f"Figure shown by cell {_label(cell)}")
    return cell


def _raised_errors(notebook: Any) -> list[RaisedError]:
    return [
        RaisedError(
            cell=_label(cell),
            anchor=f"cell-id={cell.id}" if cell.get("id") else "",
            name=output.ename,
            message=output.evalue,
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]


def _label(cell: Any) -> str:
    return f"In [{cell.execution_count or ' '}]"


def _unreadable(executed: Path, failed: Exception) -> StorageError:
    return StorageError(
        f"{executed} could not be rendered as a page",
        observed=f"{type(failed).__name__}: {failed}",
        expected="an executed Jupyter notebook (JSON, nbformat 4)",
        next_step="open the file in JupyterLab to see what is wrong, or run the stage again",
    )
