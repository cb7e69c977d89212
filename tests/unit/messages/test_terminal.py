from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest

from sentinel_lib.messages.terminal import watching
from sentinel_lib.notebook_runner.execution import Cell
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.records.stage import StageOutcome


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def a_run(progress: Progress) -> None:
    progress.run_started("a-run", datetime(2024, 1, 3, tzinfo=UTC), ["ingest", "validate"])
    progress.stage_started("ingest")
    progress.cell_started("ingest", Cell(1, 4, "Fetch"))
    error = "kraken did not answer\n  next: run again"
    progress.stage_finished(StageOutcome(name="ingest", status="failed", seconds=2, error=error))
    progress.stage_finished(StageOutcome(name="validate", status="skipped"))
    progress.reports_started()


@pytest.mark.parametrize("stream", [StringIO(), Terminal()])
def test_quiet_says_nothing(stream: StringIO) -> None:
    with watching(stream, quiet=True, verbose=True) as progress:
        a_run(progress)

    assert stream.getvalue() == ""


def test_a_log_gets_one_line_when_a_stage_starts_and_one_when_it_ends() -> None:
    stream = StringIO()

    with watching(stream, quiet=False, verbose=False) as progress:
        a_run(progress)

    assert stream.getvalue().splitlines() == [
        "run a-run as of 2024-01-03T00:00:00Z",
        "[1/2] ingest ...",
        "[1/2] ingest failed, 2.0 s: kraken did not answer",
        "[2/2] validate skipped",
        "writing the reports ...",
    ]


def test_verbose_names_the_cells_even_on_a_terminal() -> None:
    stream = Terminal()

    with watching(stream, quiet=False, verbose=True) as progress:
        a_run(progress)

    assert "      cell 1/4 Fetch" in stream.getvalue().splitlines()


def test_terminal_shows_live_lines_and_keeps_how_each_stage_ended() -> None:
    stream = Terminal()

    with watching(stream, quiet=False, verbose=False) as progress:
        a_run(progress)

    assert "ingest failed, 2.0 s: kraken did not answer" in stream.getvalue()
    assert "validate skipped" in stream.getvalue()
