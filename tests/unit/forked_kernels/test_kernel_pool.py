"""Where kernels come from, and that nothing of them is left: real processes, killed for real."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sentinel_lib.forked_kernels.template_process import KILL_SECONDS
from sentinel_lib.notebook_runner.execution import Cell
from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
from sentinel_lib.settings.project import PROJECT_ROOT
from tests.processes import children, eventually, gone, is_alive
from tests.unit.forked_kernels.notebooks import NOTEBOOKS, run

pytestmark = pytest.mark.usefixtures("in_template")
both_kinds = pytest.mark.parametrize("fork", [True, False], ids=["forked", "ordinary"])


def refuse(line: str) -> None:
    raise AssertionError(line)


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    before = children()
    yield
    assert gone(child for child in children() if child not in before)


@both_kinds
def test_leaving_the_block_leaves_no_process_and_no_file(
    tmp_path: Path, temporary_folder: Path, fork: bool
) -> None:
    with ProjectKernels(fork=fork, on_fallback=refuse) as kernels:
        kernels.prestart()
        execution = run(kernels, tmp_path, expects_next=True)
        assert eventually(lambda: len(children()) == 1 + fork)
        while_open = children()

    assert execution.status == "ok"
    assert not any(map(is_alive, while_open))
    assert list(temporary_folder.iterdir()) == []


@both_kinds
def test_next_kernel_is_started_only_if_one_is_expected(tmp_path: Path, fork: bool) -> None:
    counts = []
    with ProjectKernels(fork=fork, on_fallback=refuse) as kernels:
        for expects_next in (False, True, False):
            run(kernels, tmp_path, expects_next=expects_next)
            expected = expects_next + fork
            counts.append(eventually(lambda count=expected: len(children()) == count))

    assert counts == [True, True, True]


def test_rest_ends_the_kernel_in_waiting_and_keeps_the_template(tmp_path: Path) -> None:
    with ProjectKernels(fork=True, on_fallback=refuse) as kernels:
        run(kernels, tmp_path, expects_next=True)
        assert eventually(lambda: len(children()) == 2)
        before = children()
        kernels.end_prestarted()
        left = list(filter(is_alive, before))
        execution = run(kernels, tmp_path)

    assert (len(before), len(left)) == (2, 1)
    assert execution.status == "ok"


def test_warming_returns_at_once_and_may_be_repeated(
    temporary_folder: Path, in_template: Callable[[str], None]
) -> None:
    in_template("import time; time.sleep(600)")

    with ProjectKernels(fork=True, on_fallback=refuse) as kernels:
        started = time.monotonic()
        kernels.prestart()
        kernels.prestart()
        seconds = time.monotonic() - started

    assert seconds < 60
    assert list(temporary_folder.iterdir()) == []


def test_kernel_of_a_notebook_without_a_gate_does_not_wait_for_the_whole_template(
    tmp_path: Path,
) -> None:
    with ProjectKernels(fork=True, on_fallback=refuse) as kernels:
        kernels.prestart(groups=1)
        early = run(kernels, tmp_path)
        later = run(kernels, tmp_path)

    assert (early.status, later.status) == ("ok", "ok")


@both_kinds
def test_interruption_while_a_cell_runs_leaves_nothing(
    tmp_path: Path, temporary_folder: Path, fork: bool
) -> None:
    timer = threading.Timer(1, os.kill, [os.getpid(), signal.SIGINT])
    started = []

    def begin(cell: Cell) -> None:
        started.append(cell.number)
        if cell.number == 3:
            timer.start()

    def run_all() -> None:
        with ProjectKernels(fork=fork, on_fallback=refuse) as kernels:
            run(kernels, tmp_path, "hangs", begin, expects_next=True)

    with pytest.raises(KeyboardInterrupt):
        run_all()

    timer.join()
    assert started == [1, 2, 3]
    assert list(temporary_folder.iterdir()) == []


def test_interruption_while_the_template_loads_leaves_nothing(
    tmp_path: Path, temporary_folder: Path, in_template: Callable[[str], None]
) -> None:
    in_template("import time; time.sleep(60)")
    timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])

    def run_all() -> None:
        with ProjectKernels(fork=True, on_fallback=refuse) as kernels:
            kernels.prestart()
            timer.start()
            run(kernels, tmp_path)

    with pytest.raises(KeyboardInterrupt):
        run_all()

    timer.join()
    assert list(temporary_folder.iterdir()) == []


def test_kernel_is_killed_at_once_while_the_template_imports(
    tmp_path: Path, in_template: Callable[[str], None]
) -> None:
    in_template("""
import time
class Slow:
    def find_spec(self, name, *_):
        if name == "altair":
            time.sleep(600)
sys.modules.update(dict.fromkeys(("pandas", "pyarrow", "ibis", "scipy")))
sys.meta_path.insert(0, Slow())
""")

    begun = []
    with ProjectKernels(fork=True, on_fallback=refuse) as kernels:
        kernels.prestart(groups=1)
        execution = run(kernels, tmp_path, on_cell=lambda cell: begun.append(time.monotonic()))
    seconds = time.monotonic() - begun[-1]

    assert execution.status == "ok"
    assert seconds < KILL_SECONDS


def test_nothing_outlives_a_runner_that_was_killed(tmp_path: Path, temporary_folder: Path) -> None:
    program = f"""
        from pathlib import Path
        from sentinel_lib.notebook_runner.execution import execute
        from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
        hangs = Path({str(NOTEBOOKS / "hangs.ipynb")!r})
        with ProjectKernels(fork=True, on_fallback=print) as kernels:
            execute(
                hangs, Path({str(tmp_path / "hangs.ipynb")!r}), {{}}, timeout_seconds=60,
                on_cell=lambda cell: print(cell.number, flush=True),
                kernels=kernels, expects_next=True,
            )
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT_ROOT,
    ) as runner:
        assert runner.stdout is not None
        assert [runner.stdout.readline() for _ in range(2)] == ["1\n", "2\n"]
        assert eventually(lambda: len(children(runner.pid)) == 3)
        started = children(runner.pid)

        runner.kill()

    assert gone(started)
    assert list(temporary_folder.iterdir()) == []


@both_kinds
def test_kernels_are_reached_over_loopback_where_paths_are_too_long_for_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork: bool
) -> None:
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    transports = []

    def look(cell: Cell) -> None:
        transports.append("tcp" in next(long.rglob("kernel.json")).read_text())

    with ProjectKernels(fork=fork, on_fallback=refuse) as kernels:
        execution = run(kernels, tmp_path, on_cell=look)

    assert execution.status == "ok"
    assert transports == [True, True, True]


def test_folder_of_the_kernels_is_private(tmp_path: Path, temporary_folder: Path) -> None:
    modes = []

    def look(cell: Cell) -> None:
        modes.extend(path.stat().st_mode & 0o077 for path in temporary_folder.iterdir())

    with ProjectKernels(fork=False, on_fallback=refuse) as kernels:
        run(kernels, tmp_path, on_cell=look)

    assert modes == [0, 0, 0]


@both_kinds
def test_notebooks_run_from_any_thread(tmp_path: Path, fork: bool) -> None:
    executions = []
    with ProjectKernels(fork=fork, on_fallback=refuse) as kernels:
        for _ in range(2):
            thread = threading.Thread(target=lambda: executions.append(run(kernels, tmp_path)))
            thread.start()
            thread.join()

    assert [execution.status for execution in executions] == ["ok", "ok"]


@pytest.mark.thorough
@both_kinds
def test_resident_process_does_not_grow(tmp_path: Path, temporary_folder: Path, fork: bool) -> None:
    def count() -> tuple[int, int, int, int]:
        gc.collect()
        process = psutil.Process()
        files = len(list(temporary_folder.rglob("*")))
        return process.num_fds(), process.num_threads(), len(children()), files

    counts = []
    with ProjectKernels(fork=fork, on_fallback=refuse) as kernels:
        for _ in range(30 if fork else 8):
            run(kernels, tmp_path, expects_next=True)
            kernels.end_prestarted()
            counts.append(count())

    assert counts[-1] == counts[4]
