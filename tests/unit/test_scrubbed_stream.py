"""Standard output and standard error, whatever becomes of their readers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sentinel_lib.command_line.scrubbed_stream import ScrubbedStream
from sentinel_lib.settings.project import PROJECT_ROOT
from tests import tiny_project

UNWRITABLE = Path("/dev/full")
needs_unwritable = pytest.mark.skipif(not UNWRITABLE.exists(), reason="only Linux has /dev/full")


def command_line(*arguments: str) -> list[str]:
    return [sys.executable, "run_pipeline.py", *arguments]


@pytest.fixture
def project(tmp_path: Path) -> tiny_project.Project:
    made = tiny_project.make(tmp_path / "project")
    made.stages("validate", "monitor")
    made.says(validate={"assets": {"AAPL": {}, "MSFT": {}}})
    return made


def run_of(project: tiny_project.Project) -> list[str]:
    return command_line("run", "-v", "--no-fork", "--config", str(project.folder / "config"))


def test_stream_whose_reader_has_gone_is_silent_from_then_on() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    with os.fdopen(writing, "w") as pipe:
        stream = ScrubbedStream(pipe)
        print("progress", file=stream, flush=True)
        print("more", file=stream, flush=True)

    assert isinstance(stream.failure, BrokenPipeError)


def test_character_that_the_terminal_lacks_is_written_as_its_code(tmp_path: Path) -> None:
    path = tmp_path / "terminal"

    with path.open("w", encoding="ascii") as terminal:
        print("Münze \udcff", file=ScrubbedStream(terminal))

    assert path.read_text(encoding="ascii") == "M\\xfcnze \\udcff\n"


def test_secret_is_taken_out_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "terminal"

    with path.open("w") as terminal:
        print("key s3cret", file=ScrubbedStream(terminal, lambda text: text.replace("s3cret", "*")))

    assert path.read_text() == "key *\n"


@pytest.mark.parametrize("lines_read", [0, 1, 4])
def test_run_whose_terminal_is_closed_goes_on_and_tells_the_truth(
    project: tiny_project.Project, lines_read: int
) -> None:
    with subprocess.Popen(
        run_of(project), cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        assert running.stdout is not None
        for _ in range(lines_read):
            running.stdout.readline()
        running.stdout.close()

    [record] = project.history.newest()
    assert (running.returncode, record.status, record.exit_code) == (0, "ok", 0)
    assert [stage.status for stage in record.stages] == ["ok", "ok"]
    assert Path(record.report).is_file()
    [log] = (project.folder / "logs").glob("*.jsonl")
    assert json.loads(log.read_text().splitlines()[-1])["event"] == "the run ends"


@needs_unwritable
def test_run_whose_output_goes_to_a_full_disk_ends_as_it_would_and_says_so(
    project: tiny_project.Project,
) -> None:
    with UNWRITABLE.open("w") as full:
        ended = subprocess.run(
            [*run_of(project), "--json"], cwd=PROJECT_ROOT, stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip

    [record] = project.history.newest()
    assert (ended.returncode, record.status) == (0, "ok")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("standard output could not be written: [Errno 28]")


def test_command_started_without_standard_streams_ends_as_it_would(
    project: tiny_project.Project,
) -> None:
    words = " ".join(run_of(project))

    ended = subprocess.run(["sh", "-c", f"{words} >&- 2>&-"], cwd=PROJECT_ROOT, check=False)

    [record] = project.history.newest()
    assert (ended.returncode, record.status) == (0, "ok")


@pytest.mark.parametrize("arguments", [["--help"], ["history"], ["status", "--json"], ["nonsense"]])
def test_answer_that_nobody_reads_leaves_no_traceback(
    project: tiny_project.Project, arguments: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    with os.fdopen(writing, "w") as pipe:
        ended = subprocess.run(
            command_line(*arguments, "--config", str(project.folder / "config")),
            cwd=PROJECT_ROOT, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert ended.returncode == (2 if arguments == ["nonsense"] else 0)
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr
