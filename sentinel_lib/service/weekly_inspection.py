"""Once a week every byte that is kept is looked at, in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sentinel_lib.clock import Clock
from sentinel_lib.errors import StorageError
from sentinel_lib.pipeline.interruption import Interruption
from sentinel_lib.service.health import VERIFY, damage
from sentinel_lib.service.service_log import ServiceLog
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage.layout import table_names
from sentinel_lib.storage.run_history import RunHistory

EVERY = timedelta(days=7)
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class WeeklyInspection:
    """Looks at the data folder by ``verify --quick`` when that is due."""

    config: Path
    data: Path
    log: ServiceLog
    stop: Interruption
    now: Clock
    wait: Callable[[float, Interruption], None]

    def make_if_due(self, until: datetime) -> None:
        """Make the inspection that is due, if one is, and say what is wrong.

        A signal ends it, and so does the moment ``until``, when a run is due.
        """
        if not self._is_due():
            return
        script = str(PROJECT_ROOT / "run_pipeline.py")
        folders = ("--config", str(self.config), "--data", str(self.data))
        command = [sys.executable, script, "verify", "--quick", "--quiet", "--json", *folders]
        null = subprocess.DEVNULL
        with subprocess.Popen(
            command, stdin=null, stdout=null, stderr=null, start_new_session=True
        ) as process:
            while process.poll() is None and not self.stop.is_to_end and self.now() < until:
                self.wait(_POLL_SECONDS, self.stop)
            is_done = process.poll() is not None
            process.terminate()
        if self.stop.is_to_end:
            return
        problem = damage(RunHistory(self.data))
        if not is_done:
            self.log.warn(f"the weekly inspection was ended, because a run is due: {VERIFY}")
        elif problem:
            self.log.warn(problem)
        elif process.returncode:
            self.log.warn(f"the weekly inspection could not be made: {VERIFY}")
        else:
            self.log.note("the weekly inspection found every byte as it was written")

    def _is_due(self) -> bool:
        """A week after the last one, and after every run for as long as there is damage."""
        try:
            last = RunHistory(self.data).inspection()
        except StorageError:
            last = None
        if last is None:
            return bool(table_names(self.data))
        return bool(last.problems) or self.now() - last.inspected_at_utc >= EVERY
