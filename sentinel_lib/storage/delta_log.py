"""The log of a table: which files each version is made of, and what its commits say."""

from __future__ import annotations

import functools
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.data_files import DataFile
from sentinel_lib.storage.layout import DELTA_LOG, Layout
from sentinel_lib.storage.table_versions import table_version

_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")
_IMPOSSIBLE = re.compile(r"%[0-9A-Fa-f]{2}|[\\\x00-\x1f\x7f]")
_DESCRIPTORS = Path("/proc/self/fd")
_CAUSE = re.compile(r"\s*(\x1b\[\d+m)?↳(\x1b\[0m)?\s*")  # deltalake draws a tree of causes


@dataclass(frozen=True, slots=True)
class DeltaLog:
    """The log of the table ``name`` in ``folder``, as of one version."""

    name: str
    folder: Path
    table: DeltaTable | None

    @property
    def version(self) -> int:
        """The number of the commit; -1 where there is no table yet."""
        return -1 if self.table is None else self.table.version()

    def at(self, version: int) -> DeltaLog:
        """The log as it was when ``version`` was the newest."""
        with _reading(self.name, self.folder):
            table = _table(self.folder)
            table.load_as_version(version)
        return DeltaLog(self.name, self.folder, table)

    def commits(self) -> Iterator[dict[str, Any]]:
        """What the commits say, the newest first. (deltalake's history misreads some paths.)"""
        for version in range(self.version, -1, -1):
            path = _commit_file(self.folder, version)
            if not path.exists():  # it is too old: only a checkpoint holds what it did
                return
            with _reading(self.name, self.folder):
                actions = map(json.loads, path.read_text(encoding="utf-8").splitlines())
                infos = [action["commitInfo"] for action in actions if "commitInfo" in action]
            yield {**(infos[0] if infos else {}), "version": version}

    def schema(self) -> pa.Schema | None:
        """The columns of the table, if there is one."""
        return None if self.table is None else pa.schema(self.table.schema().to_arrow())

    def files(self) -> list[Path]:
        """The files of this version."""
        if self.table is None:
            return []
        added = pa.table(self.table.get_add_actions(flatten=True))["path"].to_pylist()
        return sorted(self.folder / unquote(path) for path in added)

    def dataset(self) -> ds.FileSystemDataset:
        """The rows of this version."""
        assert self.table is not None
        files = SubTreeFileSystem(str(self.folder), LocalFileSystem())
        return self.table.to_pyarrow_dataset(filesystem=files)

    def commit(
        self,
        added: Sequence[DataFile],
        removed: Sequence[str] | None,
        schema: pa.Schema,
        metadata: Mapping[str, str],
    ) -> None:
        """Add and remove files (None: all there are) in one commit, after the version this is of.

        Raises what ``changing`` makes a ``StorageError`` if another process has committed since.
        """
        _sync(self.folder)
        now = time.time_ns() // 1_000_000
        properties = CommitProperties(custom_metadata=dict(metadata), max_commit_retries=0)
        adds = [AddAction(file.name, file.size, {}, now, True, file.stats) for file in added]
        kind = Schema.from_arrow(schema)
        if self.table is None:
            create_table_with_add_actions(
                _address(self.folder), kind, adds, commit_properties=properties
            )
        else:
            removes = [RemoveAction(name, True, now) for name in removed or ()]
            self.table.create_write_transaction(
                [*adds, *removes],
                "overwrite" if removed is None else "append",
                kind,
                commit_properties=properties,
            )
        _sync(_commit_file(self.folder, self.version + 1))

    def vacuum(self, hours: int) -> list[str]:
        """Remove the files that no version of the last ``hours`` needs; gives their names."""
        assert self.table is not None
        return self.table.vacuum(
            retention_hours=hours, enforce_retention_duration=False, dry_run=False
        )


def opened(root: Path, name: str) -> DeltaLog:
    """The newest version of the table ``layer.table`` under ``root``, if there is such a table."""
    folder = Layout(root).table(name)
    if table_version(root, name) is None:
        return DeltaLog(name, folder, None)
    with _reading(name, folder):
        return DeltaLog(name, folder, _table(folder))


@contextmanager
def changing(name: str) -> Iterator[None]:
    """Whatever keeps a table from being changed is a ``StorageError``."""
    try:
        yield
    except StorageError:
        raise
    except CommitFailedError as overtaken:
        raise StorageError(
            f"table {name} was changed by another run at the same time: {overtaken}",
            next_step="wait for the other run to end, then run the same command again",
        ) from overtaken
    except Exception as failed:  # deltalake raises a bare Exception for some failures
        raise StorageError(
            f"table {name} could not be written: {_CAUSE.sub(': ', str(failed)).strip()}",
            next_step="free disk space or fix the permissions of the data folder, "
            "then run the same command again",
        ) from failed


@contextmanager
def _reading(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except (DeltaError, OSError, ValueError) as failed:
        raise StorageError(
            f"table {name} in {folder.parents[1]} cannot be read: {failed}",
            next_step=f"python run_pipeline.py verify --repair, or restore {folder} from a backup",
        ) from failed


def _commit_file(folder: Path, version: int) -> Path:
    return folder / DELTA_LOG / f"{version:020}.json"


def _table(folder: Path) -> DeltaTable:
    return DeltaTable(_address(folder))


def _address(folder: Path) -> str:
    """How deltalake is told of a folder: by its path if that is plain, else by a descriptor.

    It takes some characters of a path for parts of an address.
    """
    path = str(folder.absolute())
    if _IMPOSSIBLE.search(os.path.realpath(path)):
        raise StorageError(
            f"tables cannot be kept in {path!r}",
            expected="a path without backslashes, control characters, and % before two digits",
            next_step="give the data folder another name",
        )
    if _PLAIN.fullmatch(path) or not _DESCRIPTORS.is_dir():
        return path
    status = folder.stat()
    return f"file://{_DESCRIPTORS}/{_descriptor(path, status.st_dev, status.st_ino)}"


@functools.cache
def _descriptor(path: str, *_: int) -> int:
    """One for each folder that has ever been at ``path``, for as long as the process lives."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path) -> None:
    """What is in a file or folder outlives a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
