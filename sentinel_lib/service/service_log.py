"""What the service says about itself: lines on the terminal, and events in its own log."""

from contextlib import suppress
from pathlib import Path

from sentinel_lib import logger
from sentinel_lib.errors import ExitCode, SentinelError, StorageError
from sentinel_lib.logger import log
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.settings.environment import load_environment
from sentinel_lib.settings.secrets import load_scrubber

FILE_NAME = "service.jsonl"


class ServiceLog:
    """Lines without secrets, and the same in ``service.jsonl`` of the folder ``logs``."""

    def __init__(self, logs: Path, progress: Progress) -> None:
        self.file = logs / FILE_NAME
        self._progress = progress
        self._scrubber = load_scrubber()
        self._level = load_environment().log_level

    def note(self, message: str, **details: object) -> None:
        """Something that is as it should be."""
        self._tell("info", message, message, **details)

    def warn(self, message: str, **details: object) -> None:
        """Something that a person may want to know."""
        self._tell("warning", f"warning: {message}", message, **details)

    def failed(self, error: Exception) -> ExitCode:
        """A run has left no record because of ``error``; the exit code it would have ended with."""
        if isinstance(error, SentinelError):
            code, message = error.exit_code, str(error)
        else:
            code = ExitCode.UNEXPECTED
            message = f"{type(error).__name__}: {error}; details in {self.file}"
        event = "the run could not be made"
        self._tell("error", f"error: {message}", event, exit_code=int(code), exc_info=error)
        return code

    def _tell(self, level: str, line: str, event: str, **details: object) -> None:
        self._progress.waiting(self._scrubber.scrub(line))
        with suppress(StorageError):  # a full disk must not end the service; the line was shown
            logger.configure(  # anew, for a run sends the log to a file of its own
                self.file, level=self._level, terminal=False, scrub=self._scrubber.scrub_tree
            )
            getattr(log(), level)(event, **details)
