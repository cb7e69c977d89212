"""What code a run was made by: the library's sources and the code cells of the notebooks."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from sentinel_lib.settings.notebook_source import code_cells
from sentinel_lib.settings.project import PROJECT_ROOT


@cache
def code_digest(notebooks: Path) -> str:
    """sha256 over the library and the notebooks' code; prose, outputs and metadata do not count."""
    digest = hashlib.sha256()
    for path in sorted((PROJECT_ROOT / "sentinel_lib").rglob("*.py")):
        digest.update(f"{path.relative_to(PROJECT_ROOT)}\n".encode() + path.read_bytes())
    for path in sorted(notebooks.glob("*.ipynb")):
        digest.update(f"{path.name}\n".encode())
        for source in code_cells(path):
            digest.update(source.encode() + b"\n")
    return digest.hexdigest()
