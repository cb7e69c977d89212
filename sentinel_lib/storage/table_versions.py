"""The versions of tables by the names of their log's files, without opening any table."""

from __future__ import annotations

import re
from pathlib import Path

from sentinel_lib.storage.layout import DELTA_LOG, Layout

_COMMIT = re.compile(r"(\d{20})\.(?:json|checkpoint.*)")


def table_names(data: Path) -> list[str]:
    """Every table under ``data``, as ``layer.table``."""
    logs = sorted(data.glob(f"*/*/{DELTA_LOG}"))
    return [f"{log.parts[-3]}.{log.parts[-2]}" for log in logs]


def table_version(data: Path, name: str) -> int | None:
    """The number of the newest commit of ``layer.table`` under ``data``; None without one."""
    names = (path.name for path in Layout(data).delta_log(name).glob("*"))
    matches = filter(None, map(_COMMIT.fullmatch, names))
    return max((int(match[1]) for match in matches), default=None)
