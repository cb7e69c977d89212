"""A process that keeps its kernels' template, as ``serve`` does: a run for each line it reads.

A line is a JSON list: config, data, reports, as_of. What the run cost is answered as JSON. CPU
seconds are those of this process and all its descendants, ended ones included.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from pathlib import Path

import psutil
from tree_cost import Memory

from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.pipeline.run import run
from sentinel_lib.records.request import RunRequest

CALENDARS = ("XNYS",)
"""Those of the assets that are shipped, as ``serve`` finds them."""


def main() -> None:
    """Answer until there are no more lines."""
    with ProjectKernels(fork=True, on_fallback=sys.exit, calendars=CALENDARS) as kernels:
        kernels.prestart()
        for line in sys.stdin:
            config, data, reports, as_of = json.loads(line)
            request = RunRequest(
                config=Path(config), data=Path(data), reports=Path(reports),
                as_of=datetime.fromisoformat(as_of),
            )  # fmt: skip
            memory = Memory(descends_from=psutil.Process())
            memory.start()
            begun, cpu = time.perf_counter(), _cpu_seconds()
            record = run(request, Progress(), kernels=kernels)
            wall = time.perf_counter() - begun
            kernels.end_prestarted()
            spent = _cpu_seconds() - cpu
            memory.is_over.set()
            memory.join()
            peak = memory.peak + psutil.Process().memory_full_info().pss
            cost = {"code": record.exit_code, "wall": wall, "cpu": spent, "peak_mib": peak / 2**20}
            print(json.dumps(cost), flush=True)


def _cpu_seconds() -> float:
    this = psutil.Process()
    alive = [this, *this.children(recursive=True)]
    return sum(sum(process.cpu_times()[:4]) for process in alive)


if __name__ == "__main__":
    main()
