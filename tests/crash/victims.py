"""Runs that can be killed at a chosen moment: at so many seconds into a cell."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread

from sentinel_lib.settings.project import PROJECT_ROOT
from tests.crash.stage_cells import STAGES

PUBLISHING = (
    "ingest.store(", "write_quarantine(", "write_candidate(", "certify(", "publish_silver(",
    "release_waiting(", "publish_gold(", "write_files(", "stage.record(",
)  # fmt: skip
"""What cells call that others may see the effect of."""


@dataclass(frozen=True)
class Moment:
    """So many ``seconds`` after a cell began: the ``cell``-th of the run."""

    cell: int
    seconds: float


@dataclass(frozen=True)
class Error:
    """What stopped a stage: the name of its class, and its words."""

    name: str
    words: str


@dataclass(frozen=True)
class Timeline:
    """An undisturbed run: what its cells were, and how long each took."""

    cells: tuple[str, ...]
    seconds: tuple[float, ...]

    def moments(self, random, count):
        """``count`` moments: two of three while something is published, the others anywhere."""
        all_but_last = range(len(self.cells) - 1)  # the last may end before its moment comes
        publishing = [
            cell for cell in all_but_last if any(call in self.cells[cell] for call in PUBLISHING)
        ]
        found = []
        for number in range(count):
            if number % 3:
                cell = random.choice(publishing)
            else:
                cell = random.choices(all_but_last, self.seconds[:-1])[0]
            found.append(Moment(cell, random.uniform(0, self.seconds[cell])))
        random.shuffle(found)
        return found


class Template:
    """The process that runs are forked from."""

    def __init__(self, log):
        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT_ROOT),
            "OPENBLAS_NUM_THREADS": "1",
            "ARROW_DEFAULT_MEMORY_POOL": "system",
            "JE_ARROW_MALLOC_CONF": "background_thread:false",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.template"], cwd=PROJECT_ROOT, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1,
        )  # fmt: skip
        self._error = None
        self._lines: Queue[str] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._hear() == {"ready": True}

    def run(self, parameters, stages=STAGES):
        """Run ``stages`` to their end; the timeline of it."""
        cells, begun = [], []
        self._order(parameters, stages)
        while "ended" not in (heard := self._hear()):
            if "cell" in heard:
                cells.append(heard["cell"])
                begun.append(time.monotonic())
        assert heard["ended"] == 0, self._error
        ends = [*begun[1:], time.monotonic()]
        return Timeline(tuple(cells), tuple(end - at for at, end in zip(begun, ends, strict=True)))

    def attempt(self, parameters, stages):
        """Run ``stages`` as far as they get; the error that stopped them, or None."""
        self._order(parameters, stages)
        while "ended" not in self._hear():
            pass
        return self._error

    def kill_run(self, parameters, moment):
        """Run all stages and kill the process group at ``moment``; whether that was in time."""
        self._order(parameters, STAGES)
        group, cells = self._hear()["pid"], 0
        while cells <= moment.cell and "ended" not in (heard := self._hear()):
            cells += "cell" in heard
        if "ended" not in heard:
            with suppress(Empty):  # the cell may end sooner than when it was measured
                heard = self._hear(moment.seconds)
            with suppress(ProcessLookupError):  # so may the run
                os.killpg(group, signal.SIGKILL)
            while "ended" not in heard:
                heard = self._hear()
        assert self._error is None, self._error
        return heard["ended"] == -signal.SIGKILL

    def operate(self, operation, parameters):
        """Do an operation to its end; how many seconds it took."""
        self._order(parameters, (), operation)
        self._hear_begun()
        begun = time.monotonic()
        while "ended" not in (heard := self._hear()):
            pass
        assert heard["ended"] == 0, self._error
        return time.monotonic() - begun

    def kill_operation(self, operation, parameters, seconds, sign=None):
        """Kill an operation so many seconds after it began, or after ``sign``, a file, is there.

        Whether that was in time.
        """
        self._order(parameters, (), operation)
        group, heard = self._hear_begun(), {}
        with suppress(Empty):
            while sign is not None and not sign.exists() and "ended" not in heard:
                heard = self._hear_at_once() or heard
            if "ended" not in heard:
                heard = self._hear(seconds)
        if "ended" not in heard:
            with suppress(ProcessLookupError):  # it may have ended by now
                os.killpg(group, signal.SIGKILL)
        while "ended" not in heard:
            heard = self._hear()
        assert self._error is None, self._error
        return heard["ended"] == -signal.SIGKILL

    def close(self):
        """End it."""
        self.process.stdin.close()
        self.process.wait(10)
        self._reader.join()
        self.process.stdout.close()

    def _order(self, parameters, stages, operation=""):
        self._error = None
        order = {"stages": list(stages), "parameters": parameters, "operation": operation}
        print(json.dumps(order), file=self.process.stdin)

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _hear_begun(self):
        group = self._hear()["pid"]
        assert "begun" in self._hear()
        return group

    def _hear_at_once(self):
        try:
            return self._hear(0.0005)
        except Empty:
            return None

    def _hear(self, seconds=None):
        line = self._lines.get(timeout=seconds)
        assert line, "the template has ended"
        heard = json.loads(line)
        if "error" in heard:
            self._error = Error(heard["error"], heard["words"])
        return heard
