"""The code cells of a notebook as it is stored, read and run without the libraries of notebooks."""

import ast
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinel_lib.errors import ConfigError

PARAMETERS_TAG = "parameters"


@dataclass(frozen=True, slots=True)
class CodeCell:
    """A code cell; ``name`` is for tracebacks."""

    name: str
    source: str
    has_parameters: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """A variable of the parameters cell. ``type`` is empty where none is written."""

    name: str
    type: str
    default: str


def code_cells(notebook: Path) -> list[CodeCell]:
    """The code cells of ``notebook``, in order. Raises ``ConfigError`` if it cannot be read."""
    try:
        return [
            CodeCell(
                f"{notebook.name} cell {number}",
                "".join(cell["source"]),
                PARAMETERS_TAG in cell["metadata"].get("tags", []),
            )
            for number, cell in enumerate(json.loads(notebook.read_bytes())["cells"], 1)
            if cell["cell_type"] == "code"
        ]
    except FileNotFoundError:
        raise ConfigError(
            f"{notebook}: this notebook does not exist",
            next_step="correct 'notebook' or 'notebooks' in pipeline.yaml, or restore the file",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as unreadable:
        raise ConfigError(
            f"{notebook}: cannot be read as a notebook: {unreadable!r}",
            next_step="restore the file, or open and save it in JupyterLab",
        ) from None


def declared_parameters(notebook: Path) -> dict[str, Parameter]:
    """The parameters of ``notebook`` by name, in the order they are written.

    Raises ``ConfigError`` unless exactly one code cell is tagged ``parameters`` and holds plain
    assignments. The cell is parsed as Python: Papermill's own inspection passes over a line whose
    comment has an equals sign in it.
    """
    tagged = [cell for cell in code_cells(notebook) if cell.has_parameters]
    if len(tagged) != 1:
        raise ConfigError(
            f"{notebook}: {len(tagged) or 'no'} cells are tagged '{PARAMETERS_TAG}'",
            expected="exactly one code cell with that tag",
            next_step="set the tag in JupyterLab: property inspector, Cell Tags",
        )
    try:
        statements = ast.parse(tagged[0].source).body
    except SyntaxError as broken:
        raise ConfigError(
            f"{notebook}: the parameters cell is not valid Python: {broken.msg}",
            observed=f"line {broken.lineno}: {(broken.text or '').strip()}",
            next_step="open the notebook and run that cell",
        ) from None
    declared = {}
    for statement in statements:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=ast.expr() as text):
                declared[name] = Parameter(name, ast.unparse(kind), ast.unparse(text))
            case ast.Assign(targets=[ast.Name(id=name)], value=text):
                declared[name] = Parameter(name, "", ast.unparse(text))
    return declared


def run_cells(cells: Iterable[CodeCell], parameters: Mapping[str, Any]) -> None:
    """Run ``cells`` in this process, without a kernel, and raise whatever one of them raises.

    As in Papermill, ``parameters`` replace what the cell that is tagged so has set; those that it
    has not set are left out. ``cells`` may be a generator: it goes on after each has run.
    """
    namespace: dict[str, Any] = {}
    for cell in cells:
        # Without this module's own __future__ imports, which a kernel would not have.
        exec(compile(cell.source, cell.name, "exec", dont_inherit=True), namespace)
        if cell.has_parameters:
            namespace |= {name: parameters[name] for name in parameters if name in namespace}
