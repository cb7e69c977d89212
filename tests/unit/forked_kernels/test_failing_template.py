"""A template that fails, in all the ways it can: notebooks then run without it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from sentinel_lib.notebook_runner.execution import Cell
from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
from tests.unit.forked_kernels.notebooks import run

pytestmark = pytest.mark.usefixtures("in_template")


def test_kernels_die_with_their_template_and_the_next_one_is_ordinary(tmp_path: Path) -> None:
    fallbacks: list[str] = []
    others = set(psutil.Process().children(recursive=True))
    with ProjectKernels(fork=True, on_fallback=fallbacks.append) as kernels:

        def kill_template(cell: Cell) -> None:
            if cell.number == 3:
                children = set(psutil.Process().children(recursive=True)) - others
                first = min(children, key=lambda child: child.create_time())
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
        (
            "import os; os.write(2, b'no luck'); os._exit(4)",
            "the template process exited with code 4; no luck",
        ),
        (
            "import threading, time; "
            "threading.Thread(target=time.sleep, args=[60], daemon=True).start()",
            "the template process has 2 threads",
        ),
        ("import time; time.sleep(60)", "did not fork a kernel within 2 s"),
    ],
)
def test_failing_template_is_told_once_and_notebooks_run_without_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_template: Callable[[str], None],
    program: str,
    why: str,
) -> None:
    in_template(program)
    fallbacks: list[str] = []
    if program == "import time; time.sleep(60)":
        monkeypatch.setattr("sentinel_lib.forked_kernels.kernel_pool.START_SECONDS", 2)

    with ProjectKernels(fork=True, on_fallback=fallbacks.append) as kernels:
        kernels.prestart(groups=1)
        executions = [run(kernels, tmp_path, expects_next=True) for _ in range(2)]

    assert [execution.status for execution in executions] == ["ok", "ok"]
    assert len(fallbacks) == 1
    assert why in fallbacks[0]


def test_where_forking_is_not_safe_kernels_are_ordinary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinel_lib.forked_kernels.kernel_pool.CAN_FORK", False)
    fallbacks: list[str] = []

    with ProjectKernels(fork=True, on_fallback=fallbacks.append) as kernels:
        run(kernels, tmp_path)

    assert len(fallbacks) == 1
    assert "forked kernels are not safe" in fallbacks[0]
