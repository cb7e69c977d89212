"""The code cells of one stage's notebook, run one after another in this process, without a kernel.

``python benchmarks/stage_cells.py validate PROJECT_FOLDER`` runs a stage of run ``bench``. With
``--cells`` each cell's seconds, CPU seconds and the process's peak RSS so far go to stderr.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from sentinel_lib.notebook_runner.code_cells import CodeCell, code_cells, run_cells
from sentinel_lib.settings.project import PROJECT_ROOT

AS_OF = "2026-01-01T00:00:00Z"


def run_stage(stage: str, folder: Path, *, shows_cells: bool = False) -> None:
    """Run the cells of ``stage`` over the project in ``folder``."""
    pipeline = yaml.safe_load((folder / "config" / "pipeline.yaml").read_text())
    [notebook] = [known["notebook"] for known in pipeline["stages"] if known["name"] == stage]
    parameters = {
        "run_id": "bench",
        "as_of": AS_OF,
        "config_dir": str(folder / "config"),
        "data_dir": str(folder / "data"),
    }
    cells = code_cells(PROJECT_ROOT / "notebooks" / notebook)
    run_cells(_timed(cells) if shows_cells else cells, parameters)


def _timed(cells: list[CodeCell]) -> Iterator[CodeCell]:
    """``cells``, and what each has cost on stderr once it has run."""
    for cell in cells:
        begun, cpu = time.perf_counter(), time.process_time()
        yield cell
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{time.perf_counter() - begun:7.2f} s {time.process_time() - cpu:7.2f} CPU s "
            f"{peak:7.0f} MiB  {cell.source.strip().splitlines()[0]}",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run_stage(sys.argv[1], Path(sys.argv[2]), shows_cells="--cells" in sys.argv)
