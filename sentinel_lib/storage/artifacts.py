"""Files that a reader may open at any moment: the old content or the new, never half of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.layout import HALF_WRITTEN


def replace(path: Path, content: bytes, beside: Path | None = None) -> None:
    """Make ``content`` the file at ``path``: written beside it, synced, renamed into place.

    ``beside`` is where it is written, if the file's own name with ``HALF_WRITTEN`` will not do.
    Raises ``StorageError`` if it cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = beside or path.with_name(f".{path.name}{HALF_WRITTEN}")
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


@contextmanager
def writing(target: object) -> Iterator[None]:
    """Raise ``StorageError`` if the system keeps ``target`` from being written in this block."""
    try:
        yield
    except OSError as failed:
        raise StorageError(
            f"{target} could not be written: {failed.strerror or failed}",
            next_step="free disk space or fix the folder's permissions, then run the same command "
            "again",
        ) from failed
