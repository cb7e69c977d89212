"""The folder of a pool's sockets and connection files, and what killed processes left of theirs."""

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nothing tells that an owner is dead
    fcntl = None  # type: ignore[assignment]

PREFIX = "sentinel-"
OWNED = ".dataflow-sentinel"
"""The file in such a folder that its owner holds locked. The system frees the lock of a process
that ends, however it ends; a process id could by then be another's.
"""


class ConnectionFolder:
    """A temporary folder that only this user may enter, for as long as this process needs it."""

    def __init__(self) -> None:
        _remove_abandoned(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        # Locked before it has its name: whoever sees the file sees whether the owner is alive.
        unnamed = self.path / f"{OWNED}.new"
        self._descriptor = os.open(unnamed, os.O_CREAT | os.O_RDWR, 0o600)
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks: the folder is never taken away
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                unnamed.rename(self.path / OWNED)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._descriptor)


def _remove_abandoned(temporary: Path) -> None:
    """Remove the folders of this user whose owners are dead; what is in doubt stays."""
    if fcntl is None:
        return
    for folder in temporary.glob(f"{PREFIX}*"):
        with suppress(OSError):
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
                _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    descriptor = os.open(folder / OWNED, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while the owner lives
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
