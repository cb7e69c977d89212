"""The commands that look at published data, or put it right: what the command line calls."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from sentinel_lib import settings
from sentinel_lib.errors import UsageError
from sentinel_lib.settings.project import in_project

_KEEP = re.compile(r"(\d+)([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def data_folder(config: Path, data: Path | None) -> Path:
    """Where the tables are: ``data``, or as ``pipeline.yaml`` says."""
    return in_project(data or settings.load_pipeline(in_project(config)).data)


def duration(text: str) -> timedelta:
    """``30d``, ``12h`` or ``4w`` as a time. Anything else is a ``UsageError``."""
    match = _KEEP.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"'{text}' is not a time to keep", expected="such as 30d, 12h or 4w")
    return int(match[1]) * _UNITS[match[2]]
