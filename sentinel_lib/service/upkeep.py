"""Once a week every byte that is kept is looked at, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sentinel_lib.clock import Clock
from sentinel_lib.errors import StorageError
from sentinel_lib.pipeline.interruption import Interruption
from sentinel_lib.records.inspection import Inspection
from sentinel_lib.service.journal import Journal
from sentinel_lib.service.pause import Wait
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.table_versions import table_names

EVERY = timedelta(days=7)
_POLL_SECONDS = 0.2
_BY_HAND = "python run_pipeline.py verify --quick"


@dataclass(frozen=True)
class Upkeep:
    """Looks at the data folder by ``verify --quick`` when that is due."""

    config: Path
    data: Path
    journal: Journal
    stop: Interruption
    now: Clock
    wait: Wait

    def look(self, until: datetime) -> None:
        """Make the inspection that is due, if one is, and say what is wrong.

        A signal ends it, and so does the moment ``until``, when a run is due.
        """
        if not self._is_due():
            return
        script = str(PROJECT_ROOT / "run_pipeline.py")
        places = ("--config", str(self.config), "--data", str(self.data))
        asked = [sys.executable, script, "verify", "--quick", "--quiet", "--json", *places]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(
            asked, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
        ) as made:
            while made.poll() is None and not self.stop.is_to_end and self.now() < until:
                self.wait(_POLL_SECONDS, self.stop)
            is_done = made.poll() is not None
            made.terminate()
        if self.stop.is_to_end:
            return
        words = damage(RunHistory(self.data))
        if not is_done:
            self.journal.warn(f"the weekly inspection was ended, for a run is due: {_BY_HAND}")
        elif words:
            self.journal.warn(words)
        elif made.returncode:
            self.journal.warn(f"the weekly inspection could not be made: {_BY_HAND}")
        else:
            self.journal.note("the weekly inspection found every byte as it was written")

    def _is_due(self) -> bool:
        """A week after the last one, and after every run for as long as there is damage."""
        last = _last(RunHistory(self.data))
        if not isinstance(last, Inspection):
            return bool(table_names(self.data))
        return bool(last.problems) or self.now() - last.inspected_at_utc >= EVERY


def damage(history: RunHistory) -> str:
    """What the last inspection has found wrong, in a sentence; nothing if nothing is."""
    last = _last(history)
    if last is None or isinstance(last, StorageError):
        return str(last or "")
    if not last.problems:
        return ""
    more = f" (and {len(last.problems) - 1} more)" if len(last.problems) > 1 else ""
    first = last.problems[0].splitlines()[0]
    return f"{first}{more}; see {_BY_HAND}"


def _last(history: RunHistory) -> Inspection | StorageError | None:
    try:
        return history.inspection()
    except StorageError as unreadable:
        return unreadable
