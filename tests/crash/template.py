"""A process that has imported what stages need, and is forked for each run that is to be killed.

It reads runs from standard input, a JSON object a line, and writes to standard output what becomes
of each: its process, its cells as they begin, and how it ended. It stays single-threaded: what
starts threads (Delta Lake) is imported by the forks.
"""

import gc
import importlib
import json
import os
import sys
import traceback
from pathlib import Path

PRELOADED = (
    "pandas", "pyarrow.compute", "pyarrow.dataset", "duckdb", "ibis.backends.duckdb",
    "great_expectations.expectations", "exchange_calendars", "structlog", "filelock", "httpx",
    "sentinel_lib.ingestion.batch", "sentinel_lib.ingestion.files", "sentinel_lib.validation",
    "sentinel_lib.cleaning.asset_counts", "sentinel_lib.gold_metrics", "sentinel_lib.freshness",
)  # fmt: skip


def say(**words):
    """One line, written at once: the forks share the pipe."""
    os.write(1, json.dumps(words).encode() + b"\n")


def run(stages, parameters, operation=""):
    """Run the cells of ``stages``, or an ``operation``, in a session of its own."""
    os.setsid()
    say(pid=os.getpid())
    if operation:
        from tests.crash.operations import OPERATIONS

        say(begun=operation)
        OPERATIONS[operation](parameters)
        return
    from tests.crash.stage_cells import run_stage

    for stage in stages:
        run_stage(stage, parameters, lambda cell, stage=stage: say(stage=stage, cell=cell))


def fork(order):
    """Run in a fork, and say how it ended."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        say(ended=os.waitstatus_to_exitcode(status))
        return
    try:
        run(**order)
    except BaseException as failed:  # a fork must never return into the template's loop
        say(error=type(failed).__name__, words=str(failed))
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main():
    """Say that it is ready, then run whatever is asked for."""
    for module in PRELOADED:
        importlib.import_module(module)
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, f"{threads} threads: a fork would miss all but one of them"
    gc.freeze()
    say(ready=True)
    for line in sys.stdin:
        fork(json.loads(line))


if __name__ == "__main__":
    main()
