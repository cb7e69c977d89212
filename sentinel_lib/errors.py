"""Every error a user can meet, and the exit code each one ends a run with.

SentinelError                 1  something unexpected, described as clearly as possible
|-- UsageError                2  the command line asks for something impossible
|-- ConfigError               3  a setting is wrong; names file and line
|-- GateBlocked               4  a gate let nothing through
|-- SourceError               6  a source could not be read or answered with an error
|   `-- Question              6  a file can be read in several ways, and only a person knows which
|-- LockedError               7  another run is writing to the same data folder
|-- StorageError              1  a table or an artifact could not be read or written
|-- StageError                1  a stage broke its contract (no record, rows unaccounted for)
`-- AlertError                1  a message could not be delivered
"""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum


class ExitCode(IntEnum):
    """How a run ended. Operators act on the number, so a number never changes its meaning."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    CONFIG = 3
    GATE_BLOCKED = 4
    FRESHNESS = 5
    SOURCE_UNAVAILABLE = 6
    LOCKED = 7
    DEGRADED = 8
    INTERRUPTED = 130
    TERMINATED = 143


PRECEDENCE = (
    ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.USAGE, ExitCode.CONFIG, ExitCode.LOCKED,
    ExitCode.UNEXPECTED, ExitCode.GATE_BLOCKED, ExitCode.SOURCE_UNAVAILABLE, ExitCode.DEGRADED,
    ExitCode.FRESHNESS, ExitCode.OK,
)  # fmt: skip
"""The most severe first."""


def most_severe(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code for several conditions: that of the most severe."""
    return min(codes, key=PRECEDENCE.index, default=ExitCode.OK)


class SentinelError(Exception):
    """The base of every error raised on purpose.

    ``message`` says what happened and where; ``observed`` and ``expected`` put the difference in
    values; ``next_step`` is what to do or the command to run.
    """

    exit_code = ExitCode.UNEXPECTED

    def __init__(
        self,
        message: str,
        *,
        observed: str | None = None,
        expected: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.observed = observed
        self.expected = expected
        self.next_step = next_step

    def __str__(self) -> str:
        parts = {"observed": self.observed, "expected": self.expected, "next": self.next_step}
        written = (f"  {name}: {text}" for name, text in parts.items() if text)
        return "\n".join([self.message, *written])


class UsageError(SentinelError):
    """The command line asks for something impossible."""

    exit_code = ExitCode.USAGE


class ConfigError(SentinelError):
    """A configuration file or a variable of the environment is wrong."""

    exit_code = ExitCode.CONFIG


class GateBlocked(SentinelError):
    """A gate let nothing through: no asset may be promoted."""

    exit_code = ExitCode.GATE_BLOCKED


class SourceError(SentinelError):
    """A source could not be read, or answered with an error.

    ``is_transient`` says whether asking again may help.
    """

    exit_code = ExitCode.SOURCE_UNAVAILABLE

    def __init__(self, message: str, *, is_transient: bool = False, **parts: str | None) -> None:
        super().__init__(message, **parts)
        self.is_transient = is_transient


class Question(SourceError):
    """A file can be read in several ways: ``next_step`` has the keys that say which is meant.

    ``place`` tells which other files may answer it.
    """

    place = ""


class LockedError(SentinelError):
    """Another run is writing to the same data folder."""

    exit_code = ExitCode.LOCKED


class StorageError(SentinelError):
    """A table or an artifact could not be read or written."""


class StageError(SentinelError):
    """A stage broke its contract: no record, or rows that nothing accounts for."""


class AlertError(SentinelError):
    """A message about a run could not be delivered."""


def exit_code_of(error_name: str) -> ExitCode:
    """The exit code of an error known only by its class name, as it arrives from a kernel."""
    exit_codes = {error.__name__: error.exit_code for error in _tree(SentinelError)}
    return exit_codes.get(error_name, ExitCode.UNEXPECTED)


def nearest(word: str, accepted: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the accepted word closest to ``word``, or nothing."""
    written = {each.casefold(): each for each in accepted}
    close = get_close_matches(word.casefold(), list(written), n=1)
    return f"; did you mean '{written[close[0]]}'?" if close else ""


def listed(items: Iterable[object], at_most: int = 5, separator: str = ", ") -> str:
    """``"A, B and 3 more"``: for every message that lists what may be many; "" for nothing."""
    shown = [str(item) for item in items]
    more = f" and {len(shown) - at_most} more" if len(shown) > at_most else ""
    return separator.join(shown[:at_most]) + more


def counted(count: int, noun: str) -> str:
    """``"1 row"`` or ``"2,000 rows"``, for every message that counts; ``noun`` is singular."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _tree(error: type[SentinelError]) -> list[type[SentinelError]]:
    return [error, *(kind for child in error.__subclasses__() for kind in _tree(child))]
