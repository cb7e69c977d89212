"""The log: JSON lines in a file, one per event, and readable lines on the terminal."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from sentinel_lib.errors import StorageError

Scrub = Callable[[Any], Any]

_NOT_ON_THE_TERMINAL = ("event", "level", "logged_at_utc", "run_id")
bind, unbind = structlog.contextvars.bind_contextvars, structlog.contextvars.unbind_contextvars
"""Add values (run_id, stage, asset) to every event from here on; and remove them, by name."""

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


class _FileTee:
    """Writes every event to the log file as one line of JSON, and passes it on unchanged.

    Each line is one append to a file opened for it, so the kernels of a run and the pipeline can
    share the file, and nothing is left open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._append(b"")

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        line = json.dumps(event, default=str, ensure_ascii=False) + "\n"
        self._append(line.encode(errors="backslashreplace"))
        return event

    def _append(self, content: bytes) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                file.write(content)
        except OSError as failed:
            raise StorageError(
                f"{self._path} could not be written: {failed.strerror or failed}",
                next_step="free disk space, or let this user write to the folder",
            ) from failed


def configure(
    log_file: Path | None, *, level: str = "INFO", terminal: bool = True, scrub: Scrub | None = None
) -> None:
    """Send events of ``level`` and above to ``log_file``, and to standard error if ``terminal``.

    ``scrub`` takes the secrets out of a value of an event: ``Scrubber.scrub_tree``. Raises
    ``StorageError`` if the file cannot be written.
    """
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="logged_at_utc"),
        structlog.processors.format_exc_info,
    ]
    if scrub:
        processors.append(
            lambda _, __, event: {name: scrub(value) for name, value in event.items()}
        )
    processors += [_FileTee(log_file)] if log_file else []
    processors.append(_readable if terminal else _dropped)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def log() -> FilteringBoundLogger:
    """The logger: ``log().info("what happened", symbol="AAPL", rows=12)``."""
    return structlog.get_logger()  # type: ignore[no-any-return]


def _dropped(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """For a kernel, whose log goes to the file alone and not into the notebook."""
    raise structlog.DropEvent


def _readable(_: WrappedLogger, __: str, event: EventDict) -> str:
    shown = {key: event[key] for key in event if key not in _NOT_ON_THE_TERMINAL}
    details = " ".join(f"{key}={value}" for key, value in shown.items())
    return f"{event['level']:<8}{event['event']}{'  ' + details if details else ''}"
