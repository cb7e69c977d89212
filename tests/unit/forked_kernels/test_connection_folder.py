"""What killed runners leave in the temporary directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sentinel_lib.forked_kernels.connection_folder import OWNED, ConnectionFolder
from sentinel_lib.settings.project import PROJECT_ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there nothing is taken away")
KILLED = """
import os, signal
from sentinel_lib.forked_kernels.connection_folder import ConnectionFolder
folder = ConnectionFolder()
(folder.path / "0").mkdir()
(folder.path / "0" / "s-1").touch()
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_folder_of_a_killed_runner_goes_with_the_next_one(temporary_folder: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    left = list(temporary_folder.iterdir())

    following = ConnectionFolder()

    assert left == [Path(killed.stdout.strip())]
    assert list(temporary_folder.iterdir()) == [following.path]
    following.remove()
    assert list(temporary_folder.iterdir()) == []


def test_folder_of_a_runner_that_lives_stays(temporary_folder: Path) -> None:
    first = ConnectionFolder()

    second = ConnectionFolder()

    assert {first.path, second.path} == set(temporary_folder.iterdir())
    assert (first.path / OWNED).is_file()
    first.remove()
    second.remove()


def test_folder_that_is_not_known_to_be_of_a_runner_stays(temporary_folder: Path) -> None:
    elsewhere = temporary_folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / OWNED).touch()
    (temporary_folder / "sentinel-notes").mkdir()
    (temporary_folder / "sentinel-link").symlink_to(elsewhere)

    ConnectionFolder().remove()

    names = sorted(path.name for path in temporary_folder.iterdir())
    assert names == ["elsewhere", "sentinel-link", "sentinel-notes"]
    assert (elsewhere / OWNED).is_file()
