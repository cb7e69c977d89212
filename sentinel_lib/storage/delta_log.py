"""The log of a table: which files each version is made of, and what its commits say."""

from __future__ import annotations

import functools
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import deltalake
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.catalog import CATALOG
from sentinel_lib.storage.data_files import DataFile, Part, adopt_files, write_files
from sentinel_lib.storage.digest import OrderedDigest
from sentinel_lib.storage.layout import DELTA_LOG, Layout, table_version

_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")
_IMPOSSIBLE = re.compile(r"%[0-9A-Fa-f]{2}|[\\\x00-\x1f\x7f]")
_DESCRIPTORS = Path("/proc/self/fd")
_CAUSE = re.compile(r"\s*(\x1b\[\d+m)?↳(\x1b\[0m)?\s*")  # deltalake draws a tree of causes

_AS_OF, _RUN_ID, _CERTIFICATE = "sentinel.as_of", "sentinel.run_id", "sentinel.certificate"
_DIGEST = "sentinel.digest"
_TOLD = (_AS_OF, _RUN_ID, _CERTIFICATE)

Rows: TypeAlias = pa.Table | pa.RecordBatchReader
"""All at once, or piece by piece."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What a change of a table carries: the run, its logical clock, and the gate's certificate.

    ``version`` is the one of the table that the change has made, if it has been made.
    """

    run_id: str
    as_of: datetime
    certificate: Mapping[str, Any] = field(default_factory=dict)
    version: int = -1

    def metadata(self) -> dict[str, str]:
        """The metadata of the Delta commit."""
        metadata = {_RUN_ID: self.run_id, _AS_OF: self.as_of.isoformat()}
        if self.certificate:
            metadata[_CERTIFICATE] = json.dumps(self.certificate, sort_keys=True)
        return metadata


@dataclass(frozen=True, slots=True)
class DeltaLog:
    """The log of the table ``name`` in ``folder``, as of one version."""

    name: str
    folder: Path
    table: deltalake.DeltaTable | None

    @property
    def version(self) -> int:
        """The number of the commit; -1 where there is no table yet."""
        return -1 if self.table is None else self.table.version()

    def at(self, version: int) -> DeltaLog:
        """The log as it was when ``version`` was the newest."""
        with _reading(self.name, self.folder):
            table = deltalake.DeltaTable(_address(self.folder))
            table.load_as_version(version)
        return DeltaLog(self.name, self.folder, table)

    def commits(self) -> list[Commit]:
        """Every commit of a table that a run made, the oldest first."""
        return [
            Commit(info[_RUN_ID], datetime.fromisoformat(info[_AS_OF]), version=info["version"])
            for info in reversed(list(self._infos()))
            if _RUN_ID in info
        ]

    def certificate(self) -> dict[str, Any]:
        """The certificate in the newest commit, or an empty one."""
        return dict(json.loads(next(self._infos(), {}).get(_CERTIFICATE, "{}")))

    def digest(self) -> str | None:
        """The content digest of this version, if its newest commit wrote all of it in order of the
        key: then no key repeats either.
        """
        return next(self._infos(), {}).get(_DIGEST)

    def version_at(self, as_of: datetime) -> int:
        """The version that was published at ``as_of``; ``StorageError`` if there was none yet."""
        commits, standing = self.commits(), list[Commit]()
        for commit in commits:  # a rollback goes back in time: later commits do not count then
            standing = [*(earlier for earlier in standing if earlier.as_of <= commit.as_of), commit]
        known = [commit.version for commit in standing if commit.as_of <= as_of]
        if not known:
            first = min((commit.as_of.isoformat() for commit in commits), default="")
            raise StorageError(
                f"table {self.name} had not been published yet at {as_of.isoformat()}",
                expected=f"{first or 'a moment after its first run'} or later",
                next_step="ask for a later time: python run_pipeline.py history lists the runs",
            )
        return known[-1]

    def _infos(self) -> Iterator[dict[str, Any]]:
        """What the commits say, the newest first. (deltalake's history misreads some paths.)"""
        for version in range(self.version, -1, -1):
            path = self.commit_file(version)
            if not path.exists():  # it is too old: only a checkpoint holds what it did
                return
            with _reading(self.name, self.folder):
                actions = map(json.loads, path.read_text(encoding="utf-8").splitlines())
                infos = [action["commitInfo"] for action in actions if "commitInfo" in action]
            yield {**(infos[0] if infos else {}), "version": version}

    def files(self) -> list[Path]:
        """The files of this version."""
        return [part.path for part in self.parts()]

    def parts(self) -> list[Part]:
        """The files of this version, with what the log says of their values."""
        if self.table is None:
            return []
        added = pa.table(self.table.get_add_actions(flatten=True)).to_pylist()
        parts = (Part(self.folder / unquote(row["path"]), row) for row in added)
        return sorted(parts, key=lambda part: part.path)

    def dataset(self) -> ds.FileSystemDataset:
        """The rows of this version."""
        assert self.table is not None
        files = SubTreeFileSystem(str(self.folder), LocalFileSystem())
        return self.table.to_pyarrow_dataset(filesystem=files)

    def commit(
        self, rows: Rows, removed: list[str] | None, commit: Commit, *, is_due: bool = True
    ) -> None:
        """Write ``rows`` and commit them, without the files ``removed`` (None: without any other).

        Where it is not due, there is no commit unless files are removed; which ones may become
        known while the rows are written. Raises what ``changing`` makes a ``StorageError`` if
        another process has committed since the version that this is of.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        reader = rows.to_reader() if isinstance(rows, pa.Table) else rows
        key = CATALOG[self.name].key if self.name in CATALOG else ()
        is_whole = removed is None or self.table is None
        is_keyed = bool(key) and {*key}.issubset(reader.schema.names)
        digest = OrderedDigest(reader.schema, key) if is_whole and is_keyed else None
        added = list(write_files(self.folder, self.version + 1, reader, digest))
        if not (is_due or removed):
            return
        content = {_DIGEST: digest.text} if digest and digest.text else {}
        self._commit(added, removed, reader.schema, commit.metadata() | content)

    def adopt(self, files: Sequence[Path], schema: pa.Schema, commit: Commit) -> None:
        """Commit ``files`` of another table, as they are. Raises as ``commit`` does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        added = list(adopt_files(self.folder, self.version + 1, files))
        self._commit(added, [], schema, commit.metadata())

    def begin_with(self, other: DeltaLog, files: Sequence[Path]) -> None:
        """Make the first commit that of ``other``'s ``files``, which says what its newest says."""
        assert other.table is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        schema = pa.schema(other.table.schema().to_arrow())
        self._commit(list(adopt_files(self.folder, 0, files)), [], schema, other.told())

    def told(self) -> dict[str, str]:
        """What the newest commit says of its run."""
        newest = next(self._infos(), {})
        return {name: newest[name] for name in _TOLD if name in newest}

    def put_together(self, parts: Sequence[Part], rows: Rows) -> None:
        """Commit ``rows`` in the place of ``parts``, whose rows they are. Raises as ``commit``."""
        newest = max(part.version for part in parts)
        reader = rows.to_reader() if isinstance(rows, pa.Table) else rows
        added = list(write_files(self.folder, newest, reader, None))
        removed = [part.path.name for part in parts]
        self._commit(added, removed, rows.schema, self.told(), is_change=False)

    def _commit(
        self,
        added: Sequence[DataFile],
        removed: list[str] | None,
        schema: pa.Schema,
        metadata: dict[str, str],
        *,
        is_change: bool = True,
    ) -> None:
        _sync(self.folder)
        now = time.time_ns() // 1_000_000
        delta = deltalake.transaction
        properties = deltalake.CommitProperties(custom_metadata=metadata, max_commit_retries=0)
        hooks = deltalake.PostCommitHookProperties(cleanup_expired_logs=False)  # upkeep shortens it
        adds = [delta.AddAction(file.name, file.size, {}, now, is_change, file.stats)
                for file in added]  # fmt: skip
        kind = deltalake.Schema.from_arrow(schema)
        if self.table is None:
            delta.create_table_with_add_actions(
                _address(self.folder), kind, adds, commit_properties=properties,
                post_commithook_properties=hooks,
            )  # fmt: skip
        else:
            removes = [delta.RemoveAction(name, is_change, now) for name in removed or ()]
            self.table.create_write_transaction(
                [*adds, *removes],
                "overwrite" if removed is None else "append",
                kind,
                commit_properties=properties,
                post_commithook_properties=hooks,
            )
        _sync(self.commit_file(self.version + 1))

    def commit_file(self, version: int) -> Path:
        """What the log says of a commit, a line an action."""
        return self.folder / DELTA_LOG / f"{version:020}.json"


def opened(root: Path, name: str) -> DeltaLog:
    """The newest version of the table ``layer.table`` under ``root``, if there is such a table."""
    folder = Layout(root).table(name)
    if table_version(root, name) is None:
        return DeltaLog(name, folder, None)
    with _reading(name, folder):
        return DeltaLog(name, folder, deltalake.DeltaTable(_address(folder)))


@contextmanager
def changing(name: str) -> Iterator[None]:
    """Whatever keeps a table from being changed is a ``StorageError``."""
    try:
        yield
    except StorageError:
        raise
    except deltalake.exceptions.CommitFailedError as overtaken:
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
    except (deltalake.exceptions.DeltaError, OSError, ValueError) as failed:
        raise StorageError(
            f"table {name} in {folder.parents[1]} cannot be read: {failed}",
            next_step=f"python run_pipeline.py verify --repair, or restore {folder} from a backup",
        ) from failed


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
