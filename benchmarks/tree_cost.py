"""What a command costs with all its descendants, printed as JSON: ``tree_cost.py COMMAND...``.

Kernels and their template are grandchildren, some of them killed and left behind: this process
adopts them, waits for them, and so the operating system tells the CPU seconds of all. Memory is
sampled as PSS, in which pages that forked processes share count once.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psutil

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.25


class Memory(threading.Thread):
    """Samples what all descendants of this process hold."""

    def __init__(self, *, descends_from: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.root = descends_from
        self.is_over = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self.is_over.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(map(_pss, self.root.children(recursive=True))))


def _pss(process: psutil.Process) -> int:
    with suppress(psutil.Error, OSError):
        return int(process.memory_full_info().pss)
    return 0


def main() -> int:
    """Run the command, and what it leaves, to the end."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    memory = Memory(descends_from=psutil.Process())
    memory.start()
    begun = time.perf_counter()
    code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=False).returncode
    wall = time.perf_counter() - begun
    with suppress(ChildProcessError):
        while True:
            os.wait()
    memory.is_over.set()
    memory.join()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime
    print(json.dumps({"code": code, "wall": wall, "cpu": cpu, "peak_mib": memory.peak / 2**20}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
