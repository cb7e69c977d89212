"""Copies of the stage notebooks whose stable outputs are stored, for nbval to compare.

A stage notebook carries no outputs. After a change of one, make its copy again and look at the
difference: ``python -m tests.stable_notebooks``
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import nbformat
import yaml

from sentinel_lib.notebook_runner.execution import execute
from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
from sentinel_lib.settings.project import PROJECT_ROOT

STAGES = sorted((PROJECT_ROOT / "notebooks").glob("*.ipynb"))
FOLDER = Path(__file__).parent / "notebooks" / "stable"
COMPARED = "nbval-check-output"
STABLE = {
    "10_ingest": ("list(chosen)", "[failure.reason", "record = stage.record"),
    "20_validate": ("verdicts = validate.with_remedies", "record = stage.record"),
    "30_promote_silver": ("require_certificate(", "record = stage.record"),
    "40_build_gold": ("record = stage.record",),
    "50_monitor": ("records = stage.other_records", "record = stage.record"),
}
"""Of each notebook the cells, by words in them, whose outputs are the same wherever they run."""

NOWHERE = "/nowhere"
"""The root that a stored copy names: nbval takes parameters as they are written."""

AS_OF = "2024-03-08T22:00:00Z"
ASSETS = {"start": "2024-02-01", "assets": {"AAPL": {"calendar": "XNYS"}, "BTC-USD": {}}}


def make_root(folder: Path) -> dict[str, str]:
    """A tiny configuration and an empty data folder; the parameters of its stages."""
    shutil.copytree(PROJECT_ROOT / "config", folder / "config")
    pipeline = folder / "config" / "pipeline.yaml"
    content = yaml.safe_load(pipeline.read_text(encoding="utf-8"))
    pipeline.write_text(yaml.safe_dump({**content, "logs": str(folder / "logs")}))
    (folder / "config" / "assets.yaml").write_text(yaml.safe_dump(ASSETS))
    (folder / "data").mkdir()
    return parameters_of(str(folder))


def parameters_of(root: str) -> dict[str, str]:
    """What the stages of a run under ``root`` are given."""
    return {
        "run_id": "stable",
        "as_of": AS_OF,
        "config_dir": f"{root}/config",
        "data_dir": f"{root}/data",
    }


def with_parameters(notebook: nbformat.NotebookNode, given: dict[str, str]) -> None:
    """Write ``given`` into the parameters cell, below the defaults that they replace."""
    [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    defaults = cell.source.partition("\n\n")[0]
    lines = "\n".join(f"{name} = {value!r}" for name, value in given.items())
    cell.source = f"{defaults}\n\n{lines}"


def is_stable(stem: str, cell: nbformat.NotebookNode) -> bool:
    """Whether the outputs of this cell are compared."""
    return cell.cell_type == "code" and any(words in cell.source for words in STABLE[stem])


def regenerate() -> None:
    """Run all stages in a root that is removed again, and store what is stable."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        ProjectKernels(fork=True, on_fallback=print) as kernels,
    ):
        given = make_root(Path(folder))
        for stage in STAGES:
            output = Path(folder) / stage.name
            ended = execute(
                stage, output, given, timeout_seconds=600, on_cell=lambda cell: None,
                kernels=kernels,
            )  # fmt: skip
            if ended.status != "ok":
                raise SystemExit(f"{stage.name} at {ended.cell}: {ended.error}")
            executed = {cell.id: cell for cell in nbformat.read(output, as_version=4).cells}
            copy = nbformat.read(stage, as_version=4)
            with_parameters(copy, parameters_of(NOWHERE))
            for cell in copy.cells:
                if is_stable(stage.stem, cell):
                    cell.metadata.tags = [*cell.metadata.get("tags", []), COMPARED]
                    cell.outputs = executed[cell.id].outputs
                    cell.execution_count = executed[cell.id].execution_count
            nbformat.write(copy, FOLDER / stage.name)


if __name__ == "__main__":
    regenerate()
