"""A copy of the data folder to try things on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinel_lib.storage.layout import SCRATCH, Layout


@contextmanager
def scratch_copy(data: Path) -> Iterator[Path]:
    """A copy that is gone afterwards. It takes no room of its own where files can be linked.

    Nothing in a data folder is ever changed in place (tables add files, artifacts are renamed into
    place), so a link is as good as a copy.
    """
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=data) as folder:
        copy, layout = Path(folder) / data.name, Layout(data)
        left_out = [layout.sandbox.name, layout.local.unfinished.name, f"{SCRATCH}*", "*.lock"]
        shutil.copytree(data, copy, copy_function=linked, ignore=shutil.ignore_patterns(*left_out))
        yield copy


def linked(source: str, target: str) -> str:
    """Give a file a second name, or a copy where there can be none; what ``copytree`` copies by."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
    return target
