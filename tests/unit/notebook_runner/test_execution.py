"""Each test starts a kernel, about a second: one per way in which a notebook can end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from sentinel_lib.notebook_runner import Cell, Execution, execute
from sentinel_lib.settings.project import PROJECT_ROOT

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def run(name: str, output: Path, **options: Any) -> Execution:
    options = {"timeout_seconds": 60, "on_cell": lambda cell: None, **options}
    return execute(NOTEBOOKS / f"{name}.ipynb", output, {"run_id": "a run"}, **options)


def cell_of(executed: Path, source: str) -> Any:
    content = nbformat.read(executed, as_version=4)
    return next(cell for cell in content.cells if source in cell.source)


def kernels_of_this_process() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "ipykernel_launcher" in child.cmdline()]


def test_notebook_runs_at_the_projects_root_with_its_parameters(tmp_path: Path) -> None:
    executed = tmp_path / "a {brace}" / "says_where.ipynb"
    seen: list[Cell] = []

    execution = run("says_where", executed, on_cell=seen.append)

    assert (execution.status, execution.error) == ("ok", "")
    assert cell_of(executed, "Path.cwd").outputs[0].text == f"a run at {PROJECT_ROOT}\n"
    assert [(cell.number, cell.count) for cell in seen] == [(1, 3), (2, 3), (3, 3)]
    assert seen[-1].heading == "Check"


def test_exception_in_a_cell_is_told_with_its_place_and_traceback(tmp_path: Path) -> None:
    executed = tmp_path / "raises.ipynb"

    execution = run("raises", executed)

    assert (execution.status, execution.error_name) == ("failed", "ValueError")
    assert execution.cell == 'In [3] under "Check": print("before")'
    assert execution.error.startswith("ValueError: a price of None\n")
    assert "----> 2 raise ValueError" in execution.error
    assert "\x1b" not in execution.error


def test_error_raised_on_purpose_is_told_in_its_own_words(tmp_path: Path) -> None:
    execution = run("raises_source_error", tmp_path / "raises.ipynb")

    assert execution.error_name == "SourceError"
    assert execution.error == "kraken did not answer\n  next: run again"


@pytest.mark.parametrize(
    ("name", "source", "error_name", "words"),
    [
        ("exits", "sys.exit", "SystemExit", "the cells after it did not run"),
        ("kills_kernel", "os.kill", "DeadKernelError", "killed (SIGKILL"),
        ("hangs", "time.sleep", "CellTimeoutError", "not finished after 2 s"),
    ],
)
def test_notebook_that_ended_early_failed_and_shows_at_which_cell(
    tmp_path: Path, name: str, source: str, error_name: str, words: str
) -> None:
    executed = tmp_path / f"{name}.ipynb"

    execution = run(name, executed, timeout_seconds=2 if name == "hangs" else 60)

    assert (execution.status, execution.error_name) == ("failed", error_name)
    assert words in execution.error
    assert execution.cell.startswith('In [3] under "Check"')
    assert cell_of(executed, source).metadata.papermill.status == "failed"
    assert error_name in [output.get("ename") for output in cell_of(executed, source).outputs]
    assert cell_of(executed, "after").metadata.papermill.status == "pending"
    assert kernels_of_this_process() == []


def test_stopping_leaves_no_kernel_behind_and_marks_the_cell(tmp_path: Path) -> None:
    executed = tmp_path / "hangs.ipynb"

    def stop(cell: Cell) -> None:
        if cell.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("hangs", executed, on_cell=stop)

    assert cell_of(executed, "time.sleep").metadata.papermill.status == "failed"
    assert kernels_of_this_process() == []


def test_nothing_of_an_execution_reaches_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run("kills_kernel", tmp_path / "kills_kernel.ipynb")

    assert capfd.readouterr() == ("", "")
