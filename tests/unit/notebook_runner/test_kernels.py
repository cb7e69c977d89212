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

from sentinel_lib.notebook_runner import Cell, Execution, Kernels, execute
from sentinel_lib.settings.project import PROJECT_ROOT

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
both_kinds = pytest.mark.parametrize("fork", [True, False], ids=["forked", "ordinary"])


def run(
    kernels: Kernels,
    folder: Path,
    name: str = "says_where",
    on_cell: Callable[[Cell], None] = lambda cell: None,
    *,
    expects_next: bool = False,
) -> Execution:
    return execute(
        NOTEBOOKS / f"{name}.ipynb",
        folder / f"{name}.ipynb",
        {"run_id": "a run"},
        timeout_seconds=60,
        on_cell=on_cell,
        kernels=kernels,
        expects_next=expects_next,
    )


def refuse(line: str) -> None:
    raise AssertionError(line)


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def gone(processes: list[psutil.Process], seconds: float = 2) -> bool:
    return not psutil.wait_procs(processes, timeout=seconds)[1]


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    before = children()
    yield
    assert gone([child for child in children() if child not in before])


@pytest.fixture
def in_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has a program run in every template process before it loads anything."""

    def plant(program: str) -> None:
        only_there = "import sys\nif any('template.py' in word for word in sys.orig_argv):\n"
        planted = only_there + textwrap.indent(program, "    ")
        (tmp_path / "sitecustomize.py").write_text(planted)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return plant


@both_kinds
def test_leaving_the_block_leaves_no_process_and_no_file(
    tmp_path: Path, temporary_folder: Path, fork: bool
) -> None:
    with Kernels(fork=fork, on_fallback=refuse) as kernels:
        kernels.warm()
        execution = run(kernels, tmp_path, expects_next=True)
        while_open = children()

    assert execution.status == "ok"
    assert len(while_open) == 1 + fork
    assert gone(while_open, seconds=0.5)
    assert list(temporary_folder.iterdir()) == []


@both_kinds
def test_next_kernel_is_started_only_if_one_is_expected(tmp_path: Path, fork: bool) -> None:
    counts = []
    with Kernels(fork=fork, on_fallback=refuse) as kernels:
        for expects_next in (False, True, False):
            run(kernels, tmp_path, expects_next=expects_next)
            time.sleep(0.2)  # an ended kernel is gone by then
            counts.append(len(children()))

    assert counts == [0 + fork, 1 + fork, 0 + fork]


def test_rest_ends_the_kernel_in_waiting_and_keeps_the_template(tmp_path: Path) -> None:
    with Kernels(fork=True, on_fallback=refuse) as kernels:
        run(kernels, tmp_path, expects_next=True)
        before = children()
        kernels.rest()
        left = psutil.wait_procs(before, timeout=0.5)[1]
        execution = run(kernels, tmp_path)

    assert (len(before), len(left)) == (2, 1)
    assert execution.status == "ok"


def test_warming_returns_at_once_and_may_be_repeated(temporary_folder: Path) -> None:
    with Kernels(fork=True, on_fallback=refuse) as kernels:
        started = time.monotonic()
        kernels.warm()
        kernels.warm()
        seconds = time.monotonic() - started

    assert seconds < 0.5
    assert list(temporary_folder.iterdir()) == []


def test_kernel_of_a_notebook_without_a_gate_does_not_wait_for_the_whole_template(
    tmp_path: Path,
) -> None:
    with Kernels(fork=True, on_fallback=refuse) as kernels:
        kernels.warm(first_has_gate=False)
        early = run(kernels, tmp_path)
        later = run(kernels, tmp_path)

    assert (early.status, later.status) == ("ok", "ok")


@both_kinds
def test_interruption_while_a_cell_runs_leaves_nothing(
    tmp_path: Path, temporary_folder: Path, fork: bool
) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        Kernels(fork=fork, on_fallback=refuse) as kernels,
    ):
        timer = threading.Timer(1.5, signal.raise_signal, [signal.SIGINT])
        started = []

        def begin(cell: Cell) -> None:
            started.append(cell.number)
            if cell.number == 3:
                timer.start()

        run(kernels, tmp_path, "hangs", begin, expects_next=True)

    timer.join()
    assert started == [1, 2, 3]
    assert list(temporary_folder.iterdir()) == []


def test_interruption_while_the_template_loads_leaves_nothing(
    tmp_path: Path, temporary_folder: Path
) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        Kernels(fork=True, on_fallback=refuse) as kernels,
    ):
        kernels.warm()
        timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
        timer.start()
        run(kernels, tmp_path)

    timer.join()
    assert list(temporary_folder.iterdir()) == []


def test_nothing_outlives_a_runner_that_was_killed(tmp_path: Path, temporary_folder: Path) -> None:
    program = f"""
        from pathlib import Path
        from sentinel_lib.notebook_runner import Kernels, execute
        hangs = Path({str(NOTEBOOKS / "hangs.ipynb")!r})
        with Kernels(fork=True, on_fallback=print) as kernels:
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
        assert [runner.stdout.readline() for _ in range(3)] == ["1\n", "2\n", "3\n"]
        started = psutil.Process(runner.pid).children(recursive=True)

        runner.kill()

    assert len(started) == 3
    assert gone(started)
    assert list(temporary_folder.iterdir()) == []


def test_kernels_die_with_their_template_and_the_next_one_is_ordinary(tmp_path: Path) -> None:
    fallbacks: list[str] = []
    with Kernels(fork=True, on_fallback=fallbacks.append) as kernels:

        def kill_template(cell: Cell) -> None:
            if cell.number == 3:
                first = min(children(), key=lambda child: child.create_time())
                threading.Timer(0.5, first.kill).start()

        killed = run(kernels, tmp_path, "hangs", kill_template)
        after = run(kernels, tmp_path)
        later = run(kernels, tmp_path)

    assert killed.error_name == "DeadKernelError"
    assert "because the template process was killed (SIGKILL" in killed.error
    assert (after.status, later.status) == ("ok", "ok")
    assert len(fallbacks) == 1
    assert "the template process was killed" in fallbacks[0]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import os; os.write(2, b'no luck'); os._exit(4)", "exited with code 4\nno luck"),
        (
            "import threading, time; "
            "threading.Thread(target=time.sleep, args=[60], daemon=True).start()",
            "the template process has 2 threads",
        ),
        ("import time; time.sleep(60)", "did not fork a kernel within 5 s"),
    ],
)
def test_failing_template_is_told_once_and_notebooks_run_without_it(
    tmp_path: Path, in_template: Callable[[str], None], program: str, why: str
) -> None:
    in_template(program)
    fallbacks: list[str] = []

    with Kernels(fork=True, on_fallback=fallbacks.append, start_seconds=5) as kernels:
        kernels.warm(first_has_gate=False)
        executions = [run(kernels, tmp_path, expects_next=True) for _ in range(2)]

    assert [execution.status for execution in executions] == ["ok", "ok"]
    assert len(fallbacks) == 1
    assert why in fallbacks[0]


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

    with Kernels(fork=fork, on_fallback=refuse) as kernels:
        execution = run(kernels, tmp_path, on_cell=look)

    assert execution.status == "ok"
    assert transports == [True, True, True]


def test_folder_of_the_kernels_is_private(tmp_path: Path, temporary_folder: Path) -> None:
    modes = []

    def look(cell: Cell) -> None:
        modes.extend(path.stat().st_mode & 0o077 for path in temporary_folder.iterdir())

    with Kernels(fork=False, on_fallback=refuse) as kernels:
        run(kernels, tmp_path, on_cell=look)

    assert modes == [0, 0, 0]


@both_kinds
def test_notebooks_run_from_any_thread(tmp_path: Path, fork: bool) -> None:
    executions = []
    with Kernels(fork=fork, on_fallback=refuse) as kernels:
        for _ in range(2):
            thread = threading.Thread(target=lambda: executions.append(run(kernels, tmp_path)))
            thread.start()
            thread.join()

    assert [execution.status for execution in executions] == ["ok", "ok"]


@both_kinds
def test_resident_process_does_not_grow(tmp_path: Path, temporary_folder: Path, fork: bool) -> None:
    def count() -> tuple[int, int, int, int]:
        gc.collect()
        process = psutil.Process()
        files = len(list(temporary_folder.rglob("*")))
        return process.num_fds(), process.num_threads(), len(children()), files

    counts = []
    with Kernels(fork=fork, on_fallback=refuse) as kernels:
        for _ in range(30 if fork else 8):
            run(kernels, tmp_path, expects_next=True)
            kernels.rest()
            time.sleep(0.05)
            counts.append(count())

    assert counts[-1] == counts[4]


def test_fork_is_used_only_where_it_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinel_lib.notebook_runner.kernels.CAN_FORK", False)
    fallbacks: list[str] = []

    with Kernels(fork=True, on_fallback=fallbacks.append) as kernels:
        run(kernels, tmp_path)

    assert len(fallbacks) == 1
    assert "forked kernels are not safe" in fallbacks[0]
    assert os.name == "posix"
