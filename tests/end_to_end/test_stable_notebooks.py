"""Copies of the stage notebooks run by nbval: no cell raises, and stable outputs are as stored."""

import os
import subprocess
import sys

import nbformat
import pytest

from sentinel_lib.settings.project import PROJECT_ROOT
from tests import stable_notebooks
from tests.stable_notebooks import COMPARED, FOLDER, NOWHERE, STAGES


def validated(folder):
    """What nbval says of the notebooks in ``folder``; their kernels work there."""
    options = ["--nbval-lax", "--nbval-current-env", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-c", os.devnull, "--rootdir", str(folder), "."],
        cwd=folder, capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
    )  # fmt: skip


def write_wrong_notebook(path):
    """A notebook whose stored output is not what its cell gives."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell("1 + 1", metadata={"tags": [COMPARED]})]
    result = nbformat.v4.new_output("execute_result", {"text/plain": "3"}, execution_count=1)
    notebook.cells[0].update(execution_count=1, outputs=[result])
    nbformat.write(notebook, path)


def test_stages_run_without_an_error_and_show_what_is_stored(tmp_path):
    copies = tmp_path / "copies"
    copies.mkdir()
    given = stable_notebooks.make_root(tmp_path)
    for stored in sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(stored, as_version=4)
        stable_notebooks.with_parameters(notebook, given)
        nbformat.write(notebook, copies / stored.name)
    write_wrong_notebook(copies / "wrong.ipynb")

    found = validated(copies)

    lines = [line.partition(" - ")[0] for line in found.stdout.splitlines()]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    assert failed == ["FAILED wrong.ipynb::Cell 0"], found.stdout
    assert (tmp_path / "data" / "gold" / "aggregates.csv").is_file()


@pytest.mark.parametrize("stage", STAGES, ids=lambda path: path.stem)
def test_copy_is_the_stage_with_parameters_and_stable_outputs(stage):
    expected = nbformat.read(stage, as_version=4)
    stable_notebooks.with_parameters(expected, stable_notebooks.parameters_of(NOWHERE))

    copy = nbformat.read(FOLDER / stage.name, as_version=4)

    code = [
        [cell.source for cell in one.cells if cell.cell_type == "code"] for one in (copy, expected)
    ]
    assert code[0] == code[1], "make it again: python -m tests.stable_notebooks"
    for cell in copy.cells:
        is_compared = COMPARED in cell.metadata.get("tags", [])
        assert is_compared == stable_notebooks.is_stable(stage.stem, cell)
        assert is_compared == bool(cell.get("outputs")) == bool(cell.get("execution_count"))
