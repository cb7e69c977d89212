"""The progress of a run on standard error: live lines on a terminal, else plain ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from sentinel_lib.clock import iso
from sentinel_lib.notebook_runner.execution import Cell
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.records.stage import StageOutcome
from sentinel_lib.reporting.wording import duration

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

LONGEST_LINE = 300
"""Characters of what went wrong in a line of progress."""

_COLOURS = {"ok": "green", "degraded": "yellow", "skipped": "dim"}


@contextmanager
def watching(stream: TextIO, *, quiet: bool, verbose: bool) -> Iterator[Progress]:
    """The progress that suits ``stream``; ``verbose`` gives plain lines that also name cells."""
    if quiet:
        yield Progress()
    elif verbose or not stream.isatty():
        yield PlainLines(stream, with_cells=verbose)
    else:
        from rich.console import Console
        from rich.progress import Progress as Bars
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        text = TextColumn("{task.description}", markup=False)
        columns = SpinnerColumn(), text, TimeElapsedColumn()
        with Bars(*columns, console=Console(file=stream), transient=True) as bars:
            yield LiveLines(bars)


@dataclass
class PlainLines(Progress):
    """One line when a stage starts and one when it ends, for logs of CI and cron."""

    stream: TextIO
    with_cells: bool
    stages: Sequence[str] = ()

    def waiting(self, message: str) -> None:
        self._say(message)

    def run_started(self, run_id: str, as_of: datetime, stages: Sequence[str]) -> None:
        self.stages = stages
        self._say(f"run {run_id} as of {iso(as_of)}")

    def stage_started(self, stage: str) -> None:
        self._say(f"{self._place(stage)} {stage} ...")

    def cell_started(self, stage: str, cell: Cell) -> None:
        if self.with_cells:
            self._say(f"      cell {cell.number}/{cell.count} {cell.heading}".rstrip())

    def stage_finished(self, outcome: StageOutcome) -> None:
        self._say(f"{self._place(outcome.name)} {_ending(outcome)}")

    def reports_started(self) -> None:
        self._say("writing the reports ...")

    def _place(self, stage: str) -> str:
        return f"[{self.stages.index(stage) + 1}/{len(self.stages)}]"

    def _say(self, line: str) -> None:
        print(line, file=self.stream, flush=True)


@dataclass
class LiveLines(Progress):
    """One line per stage, which shows the cell that runs."""

    bars: Bars
    line: TaskID | None = None

    def waiting(self, message: str) -> None:
        self._close()
        self.line = self.bars.add_task(message, total=None)

    def run_started(self, run_id: str, as_of: datetime, stages: Sequence[str]) -> None:
        self._close()
        self.bars.console.print(f"run {run_id} as of {iso(as_of)}", highlight=False)

    def stage_started(self, stage: str) -> None:
        self.line = self.bars.add_task(stage, total=None)

    def cell_started(self, stage: str, cell: Cell) -> None:
        if self.line is not None:
            text = f"{stage}  cell {cell.number}/{cell.count}  {cell.heading}"
            self.bars.update(self.line, description=text, total=cell.count)

    def stage_finished(self, outcome: StageOutcome) -> None:
        self._close()
        colour = _COLOURS.get(outcome.status, "red")
        self.bars.console.print(_ending(outcome), style=colour, highlight=False, markup=False)

    def reports_started(self) -> None:
        self.line = self.bars.add_task("writing the reports", total=None)

    def _close(self) -> None:
        if self.line is not None:
            self.bars.remove_task(self.line)
            self.bars.refresh()
            self.line = None


def _ending(outcome: StageOutcome) -> str:
    if outcome.status == "skipped":
        why = f": unchanged since run {outcome.produced_by}" if outcome.produced_by else ""
        return f"{outcome.name} skipped{why}"
    ended = f"{outcome.name} {outcome.status}, {duration(outcome.seconds)}"
    return f"{ended}: {outcome.error.splitlines()[0][:LONGEST_LINE]}" if outcome.error else ended
