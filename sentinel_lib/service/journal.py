"""What the service says of itself: lines for who watches, and events in its own log."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from sentinel_lib import logger
from sentinel_lib.errors import ExitCode, SentinelError, StorageError
from sentinel_lib.logger import log
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.settings.environment import load_environment
from sentinel_lib.settings.secrets import load_scrubber

FILE_NAME = "service.jsonl"


class Journal:
    """Lines without secrets, and the same in ``service.jsonl`` of the folder ``logs``."""

    def __init__(self, logs: Path, progress: Progress) -> None:
        self.log_file = logs / FILE_NAME
        self._progress = progress
        self._scrubber = load_scrubber()
        self._level = load_environment().log_level

    def note(self, words: str, **details: object) -> None:
        """Something that is as it should be."""
        self._progress.waiting(self._scrubber.scrub(words))
        self._log("info", words, **details)

    def warn(self, words: str, **details: object) -> None:
        """Something that somebody may want to know."""
        self._progress.waiting(self._scrubber.scrub(f"warning: {words}"))
        self._log("warning", words, **details)

    def failed(self, error: Exception) -> ExitCode:
        """A run has left no record because of ``error``; the exit code it would have ended with."""
        if isinstance(error, SentinelError):
            code, words = error.exit_code, str(error)
        else:
            code = ExitCode.UNEXPECTED
            words = f"{type(error).__name__}: {error}; details in {self.log_file}"
        self._progress.waiting(self._scrubber.scrub(f"error: {words}"))
        self._log("error", "the run could not be made", exit_code=int(code), exc_info=error)
        return code

    def _log(self, level: str, event: str, **details: object) -> None:
        with suppress(StorageError):  # a full disk must not end the service; it was said already
            logger.configure(  # anew, for a run sends the log to a file of its own
                self.log_file,
                level=self._level,
                terminal=False,
                scrub=self._scrubber.scrub_tree,
            )
            getattr(log(), level)(event, **details)
