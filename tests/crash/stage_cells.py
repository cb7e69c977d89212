"""The code cells of a stage's notebook, run one after another in this process."""

from pathlib import Path

from sentinel_lib.notebook_runner.code_cells import code_cells, run_cells

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
STAGES = {
    "ingest": "10_ingest.ipynb",
    "validate": "20_validate.ipynb",
    "promote_silver": "30_promote_silver.ipynb",
    "build_gold": "40_build_gold.ipynb",
    "monitor": "50_monitor.ipynb",
}


def run_stage(stage, parameters, on_cell=lambda source: None):
    """Run a stage with ``parameters``; ``on_cell`` is given the source of each cell before it."""

    def announced():
        for cell in code_cells(NOTEBOOKS / STAGES[stage]):
            on_cell(cell.source)
            yield cell

    run_cells(announced(), parameters)
