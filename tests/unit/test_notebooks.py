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


def called_in(node):
    """The names of all functions that are called anywhere in ``node``."""
    calls = (part.func for part in ast.walk(node) if isinstance(part, ast.Call))
    return {
        call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls
    }


def working_lines(cell):
    """The lines of a code cell that do something of the stage's own: none of the cells of the
    parameters, of ``open_stage`` and of the record, and no import elsewhere.
    """
    tree = ast.parse(cell.source)
    if "parameters" in cell.metadata.get("tags", []) or {"open_stage", "record"} & called_in(tree):
        return 0
    return sum(
        node.end_lineno - node.lineno + 1
        for node in tree.body
        if not isinstance(node, ast.Import | ast.ImportFrom)
    )


def test_half_of_the_code_lines_do_something(notebook):
    cells = code_cells(notebook)
    lines = sum(len([line for line in cell.source.splitlines() if line.strip()]) for cell in cells)

    assert sum(map(working_lines, cells)) >= lines / 2


def test_cells_show_more_than_a_hash_or_a_status(notebook):
    shown = [ast.parse(cell.source).body[-1] for cell in code_cells(notebook)]
    last_names = [
        node.value.attr
        for node in shown
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Attribute)
    ]

    assert not [name for name in last_names if name == "status" or name.endswith("digest")]


def test_ends_with_its_record(notebook):
    assert code_cells(notebook)[-1].source.startswith("record = ") or (
        "record = stage.record(" in code_cells(notebook)[-1].source
    )


def test_is_committed_without_outputs(notebook):
    assert not [cell for cell in code_cells(notebook) if cell.outputs or cell.execution_count]
