"""What a run tells whoever is watching."""

from collections.abc import Sequence
from datetime import datetime

from sentinel_lib.notebook_runner.execution import Cell
from sentinel_lib.records.stage import StageOutcome


class Progress:
    """Called as the run goes on, always from the thread that runs it. This one shows nothing."""

    def waiting(self, message: str) -> None:
        """The run waits: for another one, or before it tries again."""

    def run_started(self, run_id: str, as_of: datetime, stages: Sequence[str]) -> None:
        """The run has a plan; ``stages`` are all of it."""

    def stage_started(self, stage: str) -> None:
        """The notebook of ``stage`` is about to run."""

    def cell_started(self, stage: str, cell: Cell) -> None:
        """A cell of it is about to run."""

    def stage_finished(self, outcome: StageOutcome) -> None:
        """A stage has ended, or was skipped."""

    def reports_started(self) -> None:
        """The stages are over."""
