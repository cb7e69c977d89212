"""Every stage on a disk that is full, or fills while the stage works."""

import json
import os
import shutil
import subprocess

import pytest

from tests.crash.commands import Command
from tests.crash.market import BATCH_AS_OF
from tests.crash.readers import trouble
from tests.crash.stage_cells import STAGES

DISK_BYTES = 24 << 20
ROOM_KIB = (0, 8, 16, 32, 64)
"""How much is free when the stage begins: so it stops at its first write, or at a later one."""


class Disk:
    """A file system of its own, which a ballast fills."""

    def __init__(self, folder):
        self.folder = folder
        self._ballast = folder / "ballast"

    def leave(self, room_kib):
        """Fill it but for so much."""
        self.clear()
        space = os.statvfs(self.folder)
        self._ballast.write_bytes(bytes(space.f_bavail * space.f_frsize - room_kib * 1024))

    def clear(self):
        """Make room."""
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={DISK_BYTES}"
    mounting = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    mounted = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_a_clear_error_and_harms_nothing_and_room_heals_it(
    stage, template, batch, disk
):
    errors = []
    for room_kib in ROOM_KIB:
        disk.clear()
        attempted = batch.at[stage].copied_to(disk.folder / f"room-{room_kib}")
        disk.leave(room_kib)
        error = template.attempt(attempted.parameters("undisturbed", BATCH_AS_OF), [stage])
        if error is None:
            break
        root = attempted
        errors.append(error)
        assert trouble(root, batch.old, batch.new) == []
    disk.clear()
    template.run(root.parameters("healed", BATCH_AS_OF))

    assert len(errors) > 1
    for error in errors:
        assert error.name == "StorageError", error
        first, *more = error.words.splitlines()
        assert "No space left on device" in first
        assert [line.strip().partition(" ")[0] for line in more] == ["next:"]
        assert "free disk space" in more[0]
    assert root.published() == batch.new
    assert root.remains() == batch.remains


@pytest.mark.parametrize("room_kib", [0, 24], ids=["before the run", "while it works"])
def test_a_run_whose_data_folder_is_full_says_so_and_what_to_do(room_kib, batch, disk, tmp_path):
    root = batch.root.copied_to(tmp_path / "root")
    shutil.move(root.data, disk.folder / "data")
    root.data.symlink_to(disk.folder / "data")
    disk.leave(room_kib)

    exit_code, stdout, stderr = Command(root).end()

    error = json.loads(stdout)["error"]
    assert exit_code == 1
    assert str(root.data) in error
    assert "No space left on device" in error
    assert "next: free disk space" in error
    assert "Traceback" not in stderr
    assert trouble(root, batch.old) == []
