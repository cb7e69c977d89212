"""Who is told how a run goes. Without a ``SENTRY_DSN`` nobody, and the SDK is not imported."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sentinel_lib.records.stage import RunRecord, StageOutcome
from sentinel_lib.settings.environment import Environment


class Monitor:
    """Tells nobody."""

    def run_began(self, run_id: str, as_of: datetime, symbols: Collection[str]) -> None:
        """The run has the lock and its plan: it is about ``symbols``."""

    def stage_ended(self, outcome: StageOutcome, notebook: str, executed: Path) -> None:
        """A stage was executed: ``notebook`` by name, kept with its outputs at ``executed``."""

    def run_ended(self, record: RunRecord) -> None:
        """The run's record was kept."""

    def crashed(self, error: BaseException) -> None:
        """The pipeline itself ended with ``error``; the same one twice is reported once."""


@contextmanager
def watching(environment: Environment) -> Iterator[Monitor]:
    """Watches one run, and has told Sentry everything when the block is left.

    An exception that leaves the block is a crash of the pipeline: it is reported and goes on. A
    mistyped command and Ctrl-C are not reported: whoever typed them knows.
    """
    if environment.sentry_dsn is None:
        yield Monitor()
        return
    from sentinel_lib.monitoring.sentry import reporting  # the SDK takes a while to import

    with reporting(environment) as monitor:
        yield monitor
