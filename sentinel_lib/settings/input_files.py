"""The files that a path of the configuration stands for."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from glob import escape, glob, has_magic
from pathlib import Path

from sentinel_lib.errors import SourceError
from sentinel_lib.settings.project import in_project

SUFFIXES = (".csv", ".csv.gz", ".parquet")

_ACCEPTED = f"a file, a folder holding {', '.join(f'*{suffix}' for suffix in SUFFIXES)}, or a glob"


def matching(path: Path) -> list[Path]:
    """The files that ``path`` stands for, sorted; a folder's own, not those in folders below it.

    A relative path starts at the project's root. Hidden ones are left out. Raises ``SourceError``
    where there are none.
    """
    path = in_project(path)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [one for one in path.iterdir() if one.name.lower().endswith(SUFFIXES)]
    elif pattern := _pattern(path):
        found = [Path(one) for one in glob(pattern, recursive=True)]  # noqa: PTH207 Path.glob takes no absolute pattern
    else:
        raise SourceError(
            f"the input path {path} does not exist",
            expected=_ACCEPTED,
            next_step="put the files there, or set path in the options of the files source "
            "(--input PATH for one run)",
        )
    files = sorted(one for one in found if one.is_file() and not one.name.startswith("."))
    if not files:
        raise SourceError(
            f"the input path {path} holds no file to read",
            expected=_ACCEPTED,
            next_step="put files there, or name another path by --input PATH",
        )
    return files


def covers(path: Path, file: str | Path) -> bool:
    """Whether ``path`` stands for ``file``, as far as its name tells: it may be gone by now."""
    meant, name = in_project(path), in_project(file)
    return name == meant or name.parent == meant or fnmatch(str(name), _pattern(meant))


def _pattern(path: Path) -> str:
    """``path`` as a pattern, or nothing if it is none. The part of it that exists is meant as it is
    written, whatever its name has in it.
    """
    literal = next(one for one in (path, *path.parents) if one.exists() or one == one.parent)
    rest = str(path.relative_to(literal))
    return os.path.join(escape(str(literal)), rest) if has_magic(rest) else ""  # noqa: PTH118
