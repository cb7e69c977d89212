"""The commands that a message names, with the folders that this one was given."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

from sentinel_lib.settings.project import PROJECT_ROOT

_COMMAND = re.compile(r"python run_pipeline\.py [a-z]+")


def addressed(words: str, options: argparse.Namespace) -> str:
    """``words`` in which each command is about the same folders as that of ``options``."""
    given: dict[str, Path | None] = {
        "--config": None if options.config == PROJECT_ROOT / "config" else options.config,
        "--data": options.data,
        "--reports": options.reports,
    }
    folders = [
        part
        for flag, folder in given.items()
        if folder is not None and flag not in words
        for part in (flag, str(folder))
    ]
    if not folders:
        return words
    return _COMMAND.sub(lambda named: f"{named[0]} {shlex.join(folders)}", words)
