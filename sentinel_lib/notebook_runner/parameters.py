"""The parameters that a notebook declares."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinel_lib.errors import ConfigError

TAG = "parameters"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A variable of the parameters cell. ``type`` is empty where none is written."""

    name: str
    type: str
    default: str


def inspect(notebook: Path) -> dict[str, Parameter]:
    """The parameters of ``notebook`` by name, in the order they are written.

    Raises ``ConfigError`` unless exactly one cell is tagged ``parameters`` and holds plain
    assignments. The cell is parsed as Python: Papermill's own inspection passes over a line whose
    comment has an equals sign in it.
    """
    cells = [cell for cell in _cells(notebook) if TAG in cell.get("metadata", {}).get("tags", [])]
    if len(cells) != 1:
        raise ConfigError(
            f"{notebook}: {len(cells) or 'no'} cells are tagged '{TAG}'",
            expected="exactly one code cell with that tag",
            next_step="set the tag in JupyterLab: property inspector, Cell Tags",
        )
    try:
        body = ast.parse("".join(cells[0].get("source", ""))).body
    except SyntaxError as broken:
        raise ConfigError(
            f"{notebook}: the parameters cell is not valid Python: {broken.msg}",
            observed=f"line {broken.lineno}: {(broken.text or '').strip()}",
            next_step="open the notebook and run that cell",
        ) from None
    return {found.name: found for found in map(_parameter, body) if found}


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


def _cells(notebook: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(notebook.read_bytes())
        return list(content["cells"])
    except FileNotFoundError:
        raise ConfigError(
            f"{notebook}: there is no such notebook",
            next_step="correct 'notebook' or 'notebooks' in pipeline.yaml, or restore the file",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as unreadable:
        raise ConfigError(
            f"{notebook}: not a notebook that can be read: {unreadable!r}",
            next_step="restore the file, or open and save it in JupyterLab",
        ) from None
