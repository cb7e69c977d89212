"""What files are packed in: gzip and zip, and how much they may unpack to."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sentinel_lib.errors import SourceError, counted
from sentinel_lib.ingestion.dialects import limits
from sentinel_lib.settings.input_files import SUFFIXES
from sentinel_lib.settings.project import in_project

MOST_MEMBERS = 10_000

ZIP_MAGIC = b"PK\x03\x04"
_GZIP_MAGIC = b"\x1f\x8b"
_WRITE_AGAIN = "write the file again: it is cut short or damaged"
_WRITE_OPENLY = "write the file again, without a password and with the usual compression"
_BROKEN = (OSError, EOFError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile)


def unpacked(content: bytes, locator: str) -> bytes:
    """``content`` without gzip around it. Raises ``SourceError`` if it is damaged or too large."""
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            text = packed.read(limits.LARGEST_UNPACKED_BYTES + 1)
    except _BROKEN as broken:
        raise _unreadable(locator, broken) from None
    limits.require_room(len(text), locator)
    return text


def is_archive(content: bytes) -> bool:
    """Whether these are the bytes of a zip file whose members are files; a workbook's are not."""
    return content.startswith(ZIP_MAGIC) and not is_workbook(content)


def is_workbook(content: bytes) -> bool:
    """Whether these are the bytes of an Excel workbook (.xlsx)."""
    return content.startswith(ZIP_MAGIC) and b"xl/workbook" in content


def members(archive: bytes, locator: str) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each file to read in a zip file, by name.

    Those in folders count; hidden ones, and those of other kinds than are read, do not. Raises
    ``SourceError`` if there is none, or the archive is damaged, locked or too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            names = sorted(filter(_is_read, packed.namelist()))
            if not names or len(names) > MOST_MEMBERS:
                raise SourceError(
                    f"{locator} holds {counted(len(names), 'file')} to read",
                    expected=f"1 to {MOST_MEMBERS:,} files named {', '.join(SUFFIXES)}",
                    next_step="put the files into it, or take it out of the input path",
                )
            room = limits.LARGEST_UNPACKED_BYTES
            for name in names:
                with packed.open(name) as member:
                    content = member.read(room + 1)
                room -= len(content)
                limits.require_room(limits.LARGEST_UNPACKED_BYTES - room, locator)
                yield name, content
    except _BROKEN as broken:
        raise _unreadable(locator, broken) from None


def member_of(archive: bytes, name: str, locator: str) -> bytes:
    """One file of a zip file. Raises ``SourceError`` if it is not there, or cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed, packed.open(name) as member:
            content = member.read(limits.LARGEST_UNPACKED_BYTES + 1)
    except (KeyError, *_BROKEN) as broken:
        raise _unreadable(locator, broken) from None
    limits.require_room(len(content), locator)
    return content


def split_locator(locator: str) -> tuple[str, str]:
    """``in/all.zip/AAPL.csv`` as the zip file and the name of its member, which else is empty."""
    path = Path(locator)
    for folder in path.parents:
        if folder.name.lower().endswith(".zip") and not in_project(folder).is_dir():
            return str(folder), path.relative_to(folder).as_posix()
    return locator, ""


def _is_read(name: str) -> bool:
    parts = PurePosixPath(name).parts
    is_hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    is_inside = not name.startswith("/") and "\\" not in name
    return is_inside and not is_hidden and name.lower().endswith(SUFFIXES)


def _unreadable(locator: str, broken: Exception) -> SourceError:
    is_locked = isinstance(broken, RuntimeError)  # so says zipfile, and of unusual compression
    next_step = _WRITE_OPENLY if is_locked else _WRITE_AGAIN
    return SourceError(f"{locator} cannot be unpacked: {broken}", next_step=next_step)
