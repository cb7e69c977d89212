"""Runs the code cells of a notebook in this process, without a kernel."""

from collections.abc import Iterable, Mapping
from typing import Any

from sentinel_lib.notebook_runner.code_cells import CodeCell


def run_cells(cells: Iterable[CodeCell], parameters: Mapping[str, Any]) -> None:
    """Run ``cells`` one after another, and raise whatever one of them raises.

    As in Papermill, ``parameters`` replace what the cell that is tagged so has set; those that it
    has not set are left out. ``cells`` may be a generator: it goes on after each has run.
    """
    namespace: dict[str, Any] = {}
    for cell in cells:
        # Without this module's own __future__ imports, which a kernel would not have.
        exec(compile(cell.source, cell.name, "exec", dont_inherit=True), namespace)
        if cell.has_parameters:
            namespace |= {name: parameters[name] for name in parameters if name in namespace}
