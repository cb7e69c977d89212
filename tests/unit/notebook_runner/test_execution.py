"""Every way in which a notebook can end, in kernels of both kinds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.notebook_runner.execution import Cell, Execution, execute
from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
from sentinel_lib.settings.project import PROJECT_ROOT
from tests.processes import gone

FindProcesses = Callable[[], list[psutil.Process]]
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def run(name: str, output: Path, **options: Any) -> Execution:
    options = {"timeout_seconds": 60, "on_cell": lambda cell: None, **options}
    return execute(NOTEBOOKS / f"{name}.ipynb", output, {"run_id": "a run"}, **options)


def cell_of(executed: Path, source: str) -> Any:
    content = nbformat.read(executed, as_version=4)
    return next(cell for cell in content.cells if source in cell.source)


def outputs_of(executed: Path) -> list[Any]:
    return [cell.get("outputs") for cell in nbformat.read(executed, as_version=4).cells]


def test_notebook_runs_at_the_projects_root_with_its_parameters(
    tmp_path: Path, kernels: KernelPool
) -> None:
    executed = tmp_path / "a {brace}" / "says_where.ipynb"
    seen: list[Cell] = []

    execution = run("says_where", executed, on_cell=seen.append, kernels=kernels)

    assert (execution.status, execution.error) == ("ok", "")
    assert cell_of(executed, "Path.cwd").outputs[0].text == f"a run at {PROJECT_ROOT}\n"
    assert [(cell.number, cell.count) for cell in seen] == [(1, 3), (2, 3), (3, 3)]
    assert seen[-1].heading == "Check"


def test_exception_in_a_cell_is_told_with_its_place_and_traceback(
    tmp_path: Path, kernels: KernelPool
) -> None:
    executed = tmp_path / "raises.ipynb"

    execution = run("raises", executed, kernels=kernels)

    assert (execution.status, execution.error_name) == ("failed", "ValueError")
    assert execution.cell == 'In [3] under "Check": print("before")'
    assert execution.error.startswith("ValueError: a price of None\n")
    assert "----> 2 raise ValueError" in execution.error
    assert "\x1b" not in execution.error
    assert "An Exception was encountered" in nbformat.read(executed, as_version=4).cells[0].source


def test_very_long_error_is_told_by_its_beginning_and_its_end(
    tmp_path: Path, kernels: KernelPool
) -> None:
    raising = (NOTEBOOKS / "raises.ipynb").read_text()
    source = tmp_path / "raises.ipynb"
    source.write_text(raising.replace('\\"a price of None\\"', "'price ' * 1_000_000"))

    execution = execute(
        source, tmp_path / "executed.ipynb", {}, timeout_seconds=60, on_cell=lambda cell: None,
        kernels=kernels,
    )  # fmt: skip

    assert execution.error.startswith("ValueError: price price ")
    assert "characters left out]" in execution.error
    assert len(execution.error) < 100_000


def test_error_raised_on_purpose_is_told_in_its_own_words(
    tmp_path: Path, kernels: KernelPool
) -> None:
    execution = run("raises_source_error", tmp_path / "raises.ipynb", kernels=kernels)

    assert execution.error_name == "SourceError"
    assert execution.error == "kraken did not answer\n  next: run again"


@pytest.mark.parametrize(
    ("name", "source", "error_name", "words"),
    [
        ("exits", "sys.exit", "SystemExit", "the cells after it did not run"),
        ("kills_kernel", "os.kill", "DeadKernelError", "the kernel was killed (SIGKILL"),
        ("crashes", "os.kill", "DeadKernelError", "the kernel was terminated by SIGSEGV"),
        ("leaves", "os._exit", "DeadKernelError", "the kernel exited with code 3"),
        ("hangs", "time.sleep", "CellTimeoutError", "not finished after 5 s"),
    ],
)
def test_notebook_that_ended_early_failed_and_shows_at_which_cell(
    tmp_path: Path,
    kernels: KernelPool,
    kernel_processes: FindProcesses,
    name: str,
    source: str,
    error_name: str,
    words: str,
) -> None:
    executed = tmp_path / f"{name}.ipynb"
    seconds = 5 if name == "hangs" else 60

    execution = run(name, executed, kernels=kernels, timeout_seconds=seconds)

    assert (execution.status, execution.error_name) == ("failed", error_name)
    assert words in execution.error
    assert execution.cell.startswith('In [3] under "Check"')
    assert cell_of(executed, source).metadata.papermill.status == "failed"
    assert error_name in [output.get("ename") for output in cell_of(executed, source).outputs]
    assert cell_of(executed, "after").metadata.papermill.status == "pending"
    assert kernel_processes() == []


def test_what_a_dead_kernel_last_printed_is_told(tmp_path: Path, kernels: KernelPool) -> None:
    execution = run("kills_kernel", tmp_path / "kills_kernel.ipynb", kernels=kernels)

    assert execution.error.startswith("Kernel died: the kernel was killed (SIGKILL;")


def test_stopping_leaves_no_kernel_behind_and_marks_the_cell(
    tmp_path: Path, kernels: KernelPool, kernel_processes: FindProcesses
) -> None:
    executed = tmp_path / "hangs.ipynb"

    def stop(cell: Cell) -> None:
        if cell.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("hangs", executed, kernels=kernels, on_cell=stop)

    assert cell_of(executed, "time.sleep").metadata.papermill.status == "failed"
    assert kernel_processes() == []


def test_process_that_a_notebook_started_ends_with_its_kernel(
    tmp_path: Path, kernels: KernelPool
) -> None:
    executed = tmp_path / "starts_a_process.ipynb"

    run("starts_a_process", executed, kernels=kernels)

    sleeper = int(cell_of(executed, "sleeper").outputs[0].text)
    assert not psutil.pid_exists(sleeper) or gone([psutil.Process(sleeper)])


def test_nothing_of_an_execution_reaches_the_terminal(
    tmp_path: Path, kernels: KernelPool, capfd: pytest.CaptureFixture[str]
) -> None:
    run("kills_kernel", tmp_path / "kills_kernel.ipynb", kernels=kernels)

    assert capfd.readouterr() == ("", "")


def test_environment_is_that_of_the_runner_when_the_kernel_starts(
    tmp_path: Path, kernels: KernelPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = tmp_path / "says_environment.ipynb"
    run("says_where", tmp_path / "says_where.ipynb", kernels=kernels)
    monkeypatch.setenv("SENTINEL_TESTED", "later")

    run("says_environment", executed, kernels=kernels)

    assert cell_of(executed, "os.environ").outputs[0].text.startswith("later ")


def test_two_kernels_draw_different_random_numbers(tmp_path: Path, kernels: KernelPool) -> None:
    drawn = []
    for number in range(2):
        executed = tmp_path / f"{number}.ipynb"
        run("draws", executed, kernels=kernels)
        drawn += cell_of(executed, "print").outputs[0].text.split()

    assert len(set(drawn)) == 4


def test_forked_and_ordinary_kernels_show_the_same(tmp_path: Path, kernels: KernelPool) -> None:
    ordinary, other = tmp_path / "ordinary.ipynb", tmp_path / "other.ipynb"

    with ProjectKernels(fork=False, on_fallback=pytest.fail) as ordinary_kernels:
        run("shows", ordinary, kernels=ordinary_kernels)
    run("shows", other, kernels=kernels)

    shown = json.dumps(outputs_of(other))
    assert all(text in shown for text in ("to stdout", "to stderr", "take care", "AAPL", "True"))
    number = r"ipykernel_\d+|/tmp/\S+"
    assert _without(number, shown) == _without(number, json.dumps(outputs_of(ordinary)))


def test_secrets_are_nowhere_while_a_notebook_runs_nor_afterwards(
    tmp_path: Path, kernels: KernelPool
) -> None:
    executed = tmp_path / "raises.ipynb"
    on_disk: list[str] = []

    execution = execute(
        NOTEBOOKS / "raises.ipynb",
        executed,
        {"run_id": "a price of None"},
        timeout_seconds=60,
        on_cell=lambda cell: on_disk.append(executed.read_text()),
        kernels=kernels,
        scrub=lambda text: text.replace("a price of None", "[gone]"),
    )

    on_disk.append(executed.read_text())
    assert len(on_disk) == 4
    assert "a price of None" not in "".join(on_disk) + repr(execution)
    assert "ValueError: [gone]" in execution.error
    assert on_disk[-1].count("[gone]") >= 5


def test_last_words_of_a_kernel_are_scrubbed(tmp_path: Path, kernels: KernelPool) -> None:
    execution = run(
        "kills_kernel",
        tmp_path / "kills_kernel.ipynb",
        kernels=kernels,
        scrub=lambda text: text.replace("SIGKILL", "[gone]"),
    )

    assert "the kernel was killed ([gone];" in execution.error


def test_importing_the_runner_imports_nothing_heavy() -> None:
    heavy = "{'papermill', 'nbclient', 'jupyter_client', 'nbformat', 'zmq'}"
    program = f"""
import sys, sentinel_lib.notebook_runner.execution, sentinel_lib.notebook_runner.project_kernels
print({heavy} & set(sys.modules))
"""

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT_ROOT,
    )

    assert done.stdout == "set()\n"


def _without(pattern: str, text: str) -> str:
    return re.sub(pattern, "", text)
