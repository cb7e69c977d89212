"""What a notebook computes: its code cells. Prose, outputs and metadata do not count."""

from __future__ import annotations

import json
from pathlib import Path


def code_cells(notebook: Path) -> list[str]:
    """The sources of a notebook's code cells, in order."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
