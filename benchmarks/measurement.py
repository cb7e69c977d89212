"""What a command costs: its wall seconds, CPU seconds and peak memory, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parent)}


@dataclass(frozen=True, slots=True)
class Cost:
    """One measurement. ``peak_mib`` is the largest resident memory of the process."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.wall_seconds + other.wall_seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_mib, other.peak_mib),
        )


def cost_of(script: str, *arguments: str | Path) -> Cost:
    """Run a script beside this one. This process stays small: its memory counts for a child's."""
    begun = time.perf_counter()
    command = [sys.executable, "-W", "ignore", str(HERE / script), *map(str, arguments)]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{script} {arguments} ended with exit code {process.returncode}")
    kibibytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Cost(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, kibibytes / 1024)


def cost_of_tree(command: Sequence[str]) -> Cost:
    """Run a command, and count all that it starts. Memory is the largest sum of PSS, sampled."""
    told = subprocess.run(
        [sys.executable, str(HERE / "tree_cost.py"), *command],
        stdout=subprocess.PIPE, check=True, cwd=HERE.parent, env=ENVIRONMENT,
    )  # fmt: skip
    return cost_from(told.stdout)


def cost_from(told: bytes | str) -> Cost:
    """The cost that ``tree_cost.py`` has printed."""
    cost = json.loads(told)
    if cost["code"]:
        raise SystemExit(f"a command ended with exit code {cost['code']}")
    return Cost(cost["wall"], cost["cpu"], cost["peak_mib"])


def unpublish(folder: Path) -> None:
    """Take back what validate and promote wrote, so that each round does the same."""
    for layer in ("silver", "quarantine"):
        shutil.rmtree(folder / "data" / layer, ignore_errors=True)


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure by itself."""
    return Cost(
        statistics.median(one.wall_seconds for one in costs),
        statistics.median(one.cpu_seconds for one in costs),
        statistics.median(one.peak_mib for one in costs),
    )


def print_table(costs: Iterable[tuple[str, Cost]], base: Cost) -> None:
    """A Markdown table; ratios are to ``base``."""
    print("| | wall s | CPU s | peak MiB | wall | CPU | peak |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, one in costs:
        ratios = [
            one.wall_seconds / base.wall_seconds,
            one.cpu_seconds / base.cpu_seconds,
            one.peak_mib / base.peak_mib,
        ]
        print(
            f"| {name} | {one.wall_seconds:.1f} | {one.cpu_seconds:.1f} | {one.peak_mib:.0f} | "
            + " | ".join(f"{ratio:.2f}x" for ratio in ratios)
            + " |"
        )
