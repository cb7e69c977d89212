"""Folders beside the data for as long as something is tried, and a copy of the data in one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinel_lib.storage.layout import SCRATCH, Layout


@contextmanager
def scratch_folder(data: Path) -> Iterator[Path]:
    """An empty folder in ``data`` that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=data) as folder:
        yield Path(folder)


@contextmanager
def scratch_copy(data: Path) -> Iterator[Path]:
    """A copy of ``data`` that is gone afterwards. It takes no room where files can be linked.

    Nothing in a data folder is ever changed in place (tables add files, artifacts are renamed into
    place), so a link is as good as a copy.
    """
    layout = Layout(data)
    left_out = (layout.sandbox.name, layout.unfinished.name, f"{SCRATCH}*", "*.lock")
    with scratch_folder(data) as folder:
        copy = folder / data.name
        ignore = shutil.ignore_patterns(*left_out)
        shutil.copytree(data, copy, copy_function=linked, ignore=ignore)
        yield copy


def linked(source: str, target: str) -> str:
    """Give a file a second name, or a copy where there can be none; what ``copytree`` copies by."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
    return target
