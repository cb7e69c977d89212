"""The cells of a notebook run in this process, with parameters as Papermill would give them."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sentinel_lib.notebook_runner.code_cells import CodeCell, code_cells, run_cells

TAGGED = {"tags": ["parameters"]}


def notebook(folder: Path, *cells: nbformat.NotebookNode) -> Path:
    path = folder / "stage.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def test_parameters_replace_what_the_tagged_cell_set_though_it_is_not_the_first(
    tmp_path: Path,
) -> None:
    shown: list[str] = []
    path = notebook(
        tmp_path,
        new_markdown_cell("# Title"),
        new_code_cell("name = 'first'"),
        new_code_cell("name = 'default'\nshown = None", metadata=TAGGED),
        new_code_cell("shown.append(name)"),
    )

    run_cells(code_cells(path), {"name": "given", "shown": shown, "unknown": 1})

    assert shown == ["given"]


def test_parameter_that_is_not_declared_is_left_out() -> None:
    cells = [CodeCell("1", "a = 1", True), CodeCell("2", "assert 'b' not in globals()", False)]

    run_cells(cells, {"b": 2})


def test_error_of_a_cell_names_the_notebook_and_the_cell(tmp_path: Path) -> None:
    path = notebook(tmp_path, new_markdown_cell("# Title"), new_code_cell("1 / 0"))

    with pytest.raises(ZeroDivisionError) as raised:
        run_cells(code_cells(path), {})

    assert str(raised.traceback[-1].path) == "stage.ipynb cell 2"


def test_generator_of_cells_goes_on_after_each_has_run() -> None:
    events: list[str] = []

    def announced() -> object:
        events.append("before")
        yield CodeCell("1", "events = None", True)
        events.append("between")
        yield CodeCell("2", "events.append('run')", False)
        events.append("after")

    run_cells(announced(), {"events": events})  # type: ignore[arg-type]

    assert events == ["before", "between", "run", "after"]
