"""The parameters that a notebook declares."""

import ast
from dataclasses import dataclass
from pathlib import Path

from sentinel_lib.errors import ConfigError
from sentinel_lib.notebook_runner.code_cells import PARAMETERS_TAG, code_cells


@dataclass(frozen=True, slots=True)
class Parameter:
    """A variable of the parameters cell. ``type`` is empty where none is written."""

    name: str
    type: str
    default: str


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
    parameters = filter(None, map(_parameter, statements))
    return {parameter.name: parameter for parameter in parameters}


def _parameter(statement: ast.stmt) -> Parameter | None:
    match statement:
        case ast.AnnAssign(
            target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value
        ):
            return Parameter(name, ast.unparse(annotation), ast.unparse(value))
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return Parameter(name, "", ast.unparse(value))
        case _:
            return None
