"""Whole runs of the command, killed with all that they have started, or without."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sentinel_lib.settings.project import PROJECT_ROOT
from tests.crash.market import BATCH_AS_OF

START_SECONDS = 120


class Command:
    """``run_pipeline.py run`` over the batch of ``root``, in a session of its own.

    What it and its kernels put beside the project, they put under the root's folder as well.
    """

    def __init__(self, root, *options):
        self._logs = root.folder / "logs"
        self._before = set(self._logs.glob("*.jsonl"))
        for name in ("runtime", "temporary"):
            (root.folder / name).mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(root.folder / "runtime"),
            "TMPDIR": str(root.folder / "temporary"),
        }
        folders = ["--config", "config", "--data", "data", "--reports", "reports"]
        self.process = subprocess.Popen(
            [sys.executable, str(PROJECT_ROOT / "run_pipeline.py"), "run", "--json",
             "--as-of", BATCH_AS_OF, *options, *folders],
            cwd=root.folder, env=environment, start_new_session=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def wait_for(self, stage):
        """Wait until ``stage`` begins."""
        deadline = time.monotonic() + START_SECONDS
        while not self._has_begun(stage):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, f"{stage} did not begin"
            time.sleep(0.02)

    def kill(self, *, with_kernels):
        """Kill the process, and first of all stop what it has started, if that is to die too."""
        tree = _descendants(self.process.pid) if with_kernels else []
        for pid in [self.process.pid, *tree]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.end()

    def end(self):
        """Its exit code, what it printed, and what it said, once it has ended."""
        stdout, stderr = self.process.communicate(timeout=300)
        return self.process.returncode, stdout, stderr

    def _has_begun(self, stage):
        logs = set(self._logs.glob("*.jsonl")) - self._before
        lines = [line for log in logs for line in log.read_text().splitlines()]
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return ("the stage begins", stage) in [(one["event"], one.get("stage")) for one in events]


def _descendants(pid):
    """The processes below ``pid``; each is stopped before its own are looked for."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *_descendants(child)]
    return found
