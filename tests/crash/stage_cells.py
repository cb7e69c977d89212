"""The code cells of a stage's notebook, run one after another in this process."""

import json
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
STAGES = {
    "ingest": "10_ingest.ipynb",
    "validate": "20_validate.ipynb",
    "promote_silver": "30_promote_silver.ipynb",
    "build_gold": "40_build_gold.ipynb",
    "monitor": "50_monitor.ipynb",
}


def run_stage(stage, parameters, on_cell=lambda source: None):
    """Execute a stage with ``parameters`` after their defaults; ``on_cell`` hears of each cell."""
    namespace = {}
    for cell in json.loads((NOTEBOOKS / STAGES[stage]).read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            on_cell(source)
            exec(compile(source, stage, "exec"), namespace)
        if "parameters" in cell["metadata"].get("tags", []):
            namespace |= {name: value for name, value in parameters.items() if name in namespace}
