from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sentinel_lib.errors import StorageError
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage import artifacts


def test_artifact_is_written_with_the_folders_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "gold" / "deep" / "aggregates.csv"

    artifacts.replace(path, b"symbol\r\n\x00")

    assert path.read_bytes() == b"symbol\r\n\x00"


def test_artifact_replaces_the_old_one_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "freshness.json"

    artifacts.replace(path, b"old, and longer")
    artifacts.replace(path, b"new")

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_reader_that_has_the_old_artifact_open_reads_it_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "aggregates.csv"
    artifacts.replace(path, b"old")

    with path.open("rb") as reader:
        artifacts.replace(path, b"new")

        assert reader.read() == b"old"


def test_artifact_can_be_read_by_everyone(tmp_path: Path) -> None:
    path = tmp_path / "aggregates.csv"

    artifacts.replace(path, b"symbol")

    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_artifact_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "gold").write_text("a file where the folder should be")

    with pytest.raises(StorageError, match=r"aggregates\.csv could not be written: ") as caught:
        artifacts.replace(tmp_path / "gold" / "aggregates.csv", b"symbol")

    assert "run the same command again" in str(caught.value)


def test_failed_replacement_leaves_no_scrap_behind(tmp_path: Path) -> None:
    path = tmp_path / "aggregates.csv"
    path.mkdir()

    with pytest.raises(StorageError):
        artifacts.replace(path, b"symbol")

    assert list(tmp_path.iterdir()) == [path]


def test_killed_writer_leaves_the_old_artifact_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "aggregates.csv"
    contents = {b"a" * 1_000_000, b"b" * 1_000_000}
    code = (
        "import sys; from pathlib import Path; from sentinel_lib.storage import artifacts\n"
        "path = Path(sys.argv[1])\n"
        "while True:\n"
        "    for letter in (b'a', b'b'):\n"
        "        artifacts.replace(path, letter * 1_000_000)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}

    writer = subprocess.Popen([sys.executable, "-c", code, str(path)], env=environment)
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    seen = {path.read_bytes() for _ in range(50)}
    writer.kill()
    writer.wait()

    assert seen | {path.read_bytes()} <= contents
