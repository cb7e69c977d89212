"""The notebooks keep the house rules: parameters first, prose, short cells, no logic."""

import ast
import itertools

import nbformat
import pytest

from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import PROJECT_ROOT

NOTEBOOKS = sorted((PROJECT_ROOT / "notebooks").glob("*.ipynb"))
LOGIC = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.For,
    ast.While,
    ast.If,
    ast.Try,
)
MAX_CELL_LINES = 12


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_every_stage_of_the_pipeline_is_a_notebook():
    stages = load_pipeline(PROJECT_ROOT / "config").stages

    assert [stage.notebook for stage in stages] == [path.name for path in NOTEBOOKS]


def test_opens_with_one_title_that_says_what_enters_leaves_and_stops_it(notebook):
    titles = [cell.source for cell in notebook.cells if cell.source.startswith("# ")]

    assert titles == [notebook.cells[0].source]
    for word in ("**Enters:**", "**Leaves:**", "**Stops it:**"):
        assert word in titles[0]


def test_first_code_cell_is_the_only_parameters_cell(notebook):
    tagged = ["parameters" in cell.metadata.get("tags", []) for cell in code_cells(notebook)]

    assert tagged == [True] + [False] * (len(tagged) - 1)


def test_every_parameter_is_typed_and_explained(notebook):
    source = code_cells(notebook)[0].source

    assert all(isinstance(node, ast.AnnAssign) for node in ast.parse(source).body)
    assert all("  # " in line for line in source.splitlines())


def test_every_code_cell_follows_prose(notebook):
    pairs = itertools.pairwise(cell.cell_type for cell in notebook.cells)

    assert ("code", "code") not in pairs


def test_cells_are_short_and_hold_no_logic(notebook):
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= MAX_CELL_LINES
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, LOGIC)]


def test_ends_with_its_record(notebook):
    assert code_cells(notebook)[-1].source.startswith("record = ") or (
        "record = stage.record(" in code_cells(notebook)[-1].source
    )


def test_is_committed_without_outputs(notebook):
    assert not [cell for cell in code_cells(notebook) if cell.outputs or cell.execution_count]
