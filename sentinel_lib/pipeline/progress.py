"""What a run tells whoever is watching."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sentinel_lib.notebook_runner import Cell
from sentinel_lib.records.stage import StageOutcome


class Progress(Protocol):
    """Called as the run goes on, always from the thread that runs it."""

    def waiting(self, words: str) -> None: ...

    def run_started(self, run_id: str, as_of: datetime, stages: Sequence[str]) -> None: ...

    def stage_started(self, stage: str) -> None: ...

    def cell_started(self, stage: str, cell: Cell) -> None: ...

    def stage_finished(self, outcome: StageOutcome) -> None: ...

    def reports_started(self) -> None: ...


class Silent:
    """Nobody is watching."""

    def waiting(self, words: str) -> None:
        """Says nothing."""

    def run_started(self, run_id: str, as_of: datetime, stages: Sequence[str]) -> None:
        """Says nothing."""

    def stage_started(self, stage: str) -> None:
        """Says nothing."""

    def cell_started(self, stage: str, cell: Cell) -> None:
        """Says nothing."""

    def stage_finished(self, outcome: StageOutcome) -> None:
        """Says nothing."""

    def reports_started(self) -> None:
        """Says nothing."""
