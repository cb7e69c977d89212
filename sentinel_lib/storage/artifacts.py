"""Files that a reader may open at any moment: the old content or the new, never half of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sentinel_lib.errors import StorageError


def replace(path: Path, content: bytes) -> None:
    """Make ``content`` the file at ``path``: written beside it, synced, renamed into place."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(0o644)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as failed:
        raise StorageError(
            f"{path} could not be written: {failed.strerror or failed}",
            next_step="make room or fix the folder's permissions, then run the same command again",
        ) from failed
