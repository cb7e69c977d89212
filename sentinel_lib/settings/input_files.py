"""The files that a path of the configuration stands for."""

import os
from fnmatch import fnmatch
from glob import escape, glob, has_magic
from pathlib import Path

from sentinel_lib.errors import SourceError
from sentinel_lib.settings.project import in_project

_FORMATS = (".csv", ".txt", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".feather", ".xlsx")
SUFFIXES = (*_FORMATS, *(f"{suffix}.gz" for suffix in _FORMATS[:6]), ".zip")
CONTAINER_SUFFIXES = (*_FORMATS, ".gz", ".zip")
"""What a file's name ends with because of its format: no part of a symbol."""

_KINDS = ", ".join(f"*{suffix}" for suffix in _FORMATS)
_ACCEPTED = f"a file, a folder holding {_KINDS}, *.gz or *.zip, or a glob"


def files_at(path: Path) -> list[Path]:
    """The files that ``path`` stands for, sorted; a folder's own, not those in folders below it.

    A relative path starts at the project's root. Hidden files are left out. Raises ``SourceError``
    if there are none.
    """
    path = in_project(path)
    if path.is_file():
        return [path]
    pattern = _pattern(path)
    if path.is_dir():
        paths = [inner for inner in path.iterdir() if inner.name.lower().endswith(SUFFIXES)]
    else:
        paths = [Path(name) for name in glob(pattern, recursive=True)]  # noqa: PTH207 Path.glob takes no absolute pattern
    files = sorted(file for file in paths if file.is_file() and not file.name.startswith("."))
    if not files:
        is_there = path.is_dir() or pattern
        raise SourceError(
            f"the input path {path} {'holds no file to read' if is_there else 'does not exist'}",
            expected=_ACCEPTED,
            next_step="put the files there, or set path in the options of the files source "
            "(--input PATH for one run)",
        )
    return files


def covers(path: Path, file: str | Path) -> bool:
    """Whether ``path`` stands for ``file``, as far as its name tells: it may be gone by now."""
    meant, name = in_project(path), in_project(file)
    return name == meant or name.parent == meant or fnmatch(str(name), _pattern(meant))


def _pattern(path: Path) -> str:
    """``path`` as a pattern, or nothing if it has no wildcard.

    The part of it that exists is meant literally, whatever characters its name has.
    """
    literal = next(part for part in (path, *path.parents) if part.exists() or part == part.parent)
    rest = str(path.relative_to(literal))
    return os.path.join(escape(str(literal)), rest) if has_magic(rest) else ""  # noqa: PTH118
