"""Running the tests' own notebooks in kernels of a pool."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.notebook_runner.execution import Cell, Execution, execute

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def run(
    kernels: KernelPool,
    folder: Path,
    name: str = "says_where",
    on_cell: Callable[[Cell], None] = lambda cell: None,
    *,
    expects_next: bool = False,
) -> Execution:
    """Run the notebook of that name, and keep it in ``folder``."""
    return execute(
        NOTEBOOKS / f"{name}.ipynb",
        folder / f"{name}.ipynb",
        {"run_id": "a run"},
        timeout_seconds=60,
        on_cell=on_cell,
        kernels=kernels,
        expects_next=expects_next,
    )
