"""A copy of the data folder to try things on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinel_lib.stages.stage import SANDBOX
from sentinel_lib.storage import journal

LEFT_OUT = (SANDBOX, ".scratch-*", journal.FOLDER.name)


@contextmanager
def scratch_copy(data: Path) -> Iterator[Path]:
    """A copy that is gone afterwards. It takes no room of its own where files can be linked.

    Nothing in a data folder is ever changed in place (tables add files, artifacts are renamed into
    place), so a link is as good as a copy.
    """
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=data) as folder:
        copy = Path(folder) / data.name
        shutil.copytree(
            data, copy, copy_function=linked, ignore=shutil.ignore_patterns(*LEFT_OUT, "*.lock")
        )
        yield copy


def linked(source: str, target: str) -> str:
    """Give a file a second name, or a copy where there can be none; what ``copytree`` copies by."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
    return target
