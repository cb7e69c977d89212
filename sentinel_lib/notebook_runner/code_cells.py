"""The code cells of a notebook as it is stored, read without the libraries of notebooks."""

import json
from dataclasses import dataclass
from pathlib import Path

from sentinel_lib.errors import ConfigError

PARAMETERS_TAG = "parameters"


@dataclass(frozen=True, slots=True)
class CodeCell:
    """A code cell; ``name`` is for tracebacks."""

    name: str
    source: str
    has_parameters: bool


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
