"""The tables: Delta Lake, one commit a change, each commit saying which run made it and why.

A table's name is ``layer.table``; it lives in ``<data>/<layer>/<table>``. A table is changed by
whole files: those with rows that change are written anew. What is read is checked, file by file.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from sentinel_lib.errors import StorageError
from sentinel_lib.records.roles import BRONZE_FETCHES
from sentinel_lib.storage import changes, data_files, delta_log
from sentinel_lib.storage.catalog import CATALOG, RESTORED_TABLES, schema_of
from sentinel_lib.storage.changes import Kept
from sentinel_lib.storage.data_files import Part
from sentinel_lib.storage.delta_log import Commit, DeltaLog, Rows, changing
from sentinel_lib.storage.digest import content_digest
from sentinel_lib.storage.layout import Layout, table_version


@dataclass(frozen=True, slots=True)
class Lake:
    """All tables under the data folder ``root``.

    A file whose bytes are not those that were committed, or that carries no checksum, is a
    ``StorageError`` for whoever reads it. ``is_checked=False`` reads it all the same: for tables
    that were written before files had checksums.
    """

    root: Path
    is_checked: bool = True

    def path(self, name: str) -> Path:
        """The folder of the table ``name``."""
        return Layout(self.root).table(name)

    def exists(self, name: str) -> bool:
        """Whether the table has been written at all."""
        return self.version(name) is not None

    def version(self, name: str) -> int | None:
        """The number of the table's newest commit, or None where there is no table."""
        return table_version(self.root, name)

    def certificate(self, name: str) -> dict[str, Any]:
        """The certificate in the newest commit, or an empty one."""
        return delta_log.opened(self.root, name).certificate()

    def commits(self, name: str) -> list[Commit]:
        """Every commit of a table that a run made, the oldest first."""
        return delta_log.opened(self.root, name).commits()

    def commit_after(self, name: str, run_id: str) -> Commit | None:
        """The commit that was a table's newest when run ``run_id`` had ended; None: none yet.

        Ids sort by when runs started. Raises ``StorageError`` if that version was retired.
        """
        every = self.commits(name)
        commits = [commit for commit in every if commit.run_id <= run_id]
        if every and every[0].version > 0 and not commits:
            raise StorageError(
                f"what run {run_id} had left in table {name} is no longer kept",
                expected=f"run {every[0].run_id} or a later one",
                next_step="ask for one of those; retention in pipeline.yaml can keep more",
            )
        return commits[-1] if commits else None

    def read_after(self, name: str, run_id: str) -> pa.Table | None:
        """The rows of a table when run ``run_id`` had ended; None: there was no table yet."""
        commit = self.commit_after(name, run_id)
        return None if commit is None else self.read(name, version=commit.version)

    def read(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        where: ds.Expression | None = None,
        as_of: datetime | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """The rows of a table: now, as it was published at ``as_of``, or as ``version`` left it.

        Raises ``StorageError`` if there is no such table or version, or a file is damaged.
        """
        log = self._opened(name)
        if as_of is not None:
            version = log.version_at(as_of)
        try:
            rows = self._rows(log if version is None else log.at(version), where)
            return rows.to_table(columns=list(columns) if columns else None, filter=where)
        except (OSError, pa.ArrowException) as failed:
            raise StorageError(
                f"table {name} in {self.root} cannot be read: {failed}",
                next_step="python run_pipeline.py verify --repair, or restore "
                f"{self.path(name)} from a backup",
            ) from failed

    def read_or_empty(
        self, name: str, *, columns: Sequence[str] | None = None, where: ds.Expression | None = None
    ) -> pa.Table:
        """``read``, or no rows where the table has not been written yet."""
        if self.exists(name):
            return self.read(name, columns=columns, where=where)
        empty = schema_of(name).empty_table()
        return empty.select(list(columns)) if columns else empty

    def files(self, name: str) -> list[str]:
        """The Parquet files that a table is made of now, for an engine to read by itself.

        Raises ``StorageError`` if there is no such table, or a file is damaged.
        """
        return self.checked(name, self._opened(name).parts())

    def parts(self, name: str) -> list[Part]:
        """The files of a table with their statistics, unread; none where there is no table."""
        return delta_log.opened(self.root, name).parts()

    def checked(self, name: str, parts: Iterable[Part]) -> list[str]:
        """The paths of files of a table. Raises ``StorageError`` if one is damaged."""
        self._check(self._opened(name), paths := [part.path for part in parts])
        return [*map(str, paths)]

    def read_part(self, name: str, part: Part, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a file of a table. Raises ``StorageError`` if it is damaged."""
        [path] = self.checked(name, [part])
        return pq.ParquetFile(path).read(list(columns) if columns else None)

    def append(self, name: str, rows: Rows, commit: Commit) -> None:
        """Add ``rows`` in one commit. A table without any makes none, but this one exists."""
        if not isinstance(rows, pa.Table) or len(rows) or not self.exists(name):
            with changing(name):
                log = delta_log.opened(self.root, name)
                log.commit(changes.typed(log, rows), [], commit)

    def adopt(self, name: str, files: Sequence[str], commit: Commit) -> None:
        """Add ``files`` of a table with the same schema, as they are, in one commit. None of them
        make no commit, but the table exists afterwards.
        """
        if files or not self.exists(name):
            with changing(name):
                log = delta_log.opened(self.root, name)
                log.adopt(list(map(Path, files)), schema_of(name), commit)

    def digest(self, name: str) -> str:
        """The content digest of a table: as it was found on the way when all of it was written in
        order of its key, else of what is read now.
        """
        log = self._opened(name)
        self._check(log, log.files())
        return log.digest() or content_digest(self.read(name), CATALOG[name].key)

    def is_ordered(self, name: str) -> bool:
        """Whether a table was written in order of its key, so that no key of it repeats."""
        return self._opened(name).digest() is not None

    def overwrite(
        self, name: str, rows: Rows, commit: Commit, *, only: ds.Expression | None = None
    ) -> None:
        """Make ``rows`` the content in one commit: all, or what ``only`` (a predicate) covers.

        Raises ``StorageError`` if they do not fit, lie outside ``only`` or cannot be written.
        """
        with changing(name):
            log = delta_log.opened(self.root, name)
            new = changes.typed(log, rows, is_replaced=only is None)
            if only is None or log.table is None:
                log.commit(new, None, commit)
                return
            content = new if isinstance(new, pa.Table) else new.read_all()
            if len(content.filter(only)) < len(content):
                raise StorageError(
                    f"table {name} could not be written: rows lie outside the part to overwrite",
                    next_step="look at which rows the cell of the notebook writes",
                )
            self._replace(log, only, changes.rows_without(only), content, commit)

    def upsert(self, name: str, rows: pa.Table, key: Sequence[str], commit: Commit) -> None:
        """Add ``rows``, replacing those with the same ``key``, in one commit.

        Raises ``StorageError`` if they do not fit, repeat a key or cannot be written.
        """
        if not self.exists(name) or not len(rows):
            self.append(name, rows, commit)
            return
        with changing(name):
            log = delta_log.opened(self.root, name)
            new = changes.typed(log, rows)
            keys = new.select(list(key))
            if len(keys.group_by(list(key)).aggregate([])) < len(keys):
                raise StorageError(
                    f"table {name} could not be written: a key of the rows repeats",
                    next_step="look at which rows the cell of the notebook writes",
                )
            self._replace(log, changes.between(keys), changes.rows_without_keys(keys), new, commit)

    def replace_if_changed(self, name: str, rows: pa.Table, commit: Commit) -> None:
        """Make ``rows`` the whole content, columns included; equal content makes no commit."""
        with changing(name):
            log = delta_log.opened(self.root, name)
            new = changes.typed(log, rows, is_replaced=True)
            # content that is damaged is replaced as well
            is_whole = log.table is not None and not any(map(data_files.damage, log.files()))
            if not is_whole or not self.read(name).equals(new, check_metadata=True):
                log.commit(new, None, commit)

    def delete(self, name: str, where: ds.Expression, commit: Commit) -> None:
        """Remove the rows for which ``where`` holds in one commit, if there are any."""
        with changing(name):
            self._replace(self._opened(name), where, changes.rows_without(where), None, commit)

    def damaged(self, name: str) -> list[StorageError]:
        """What is wrong with the files of a table's newest version, each of them read afresh."""
        log = delta_log.opened(self.root, name)
        problems = list(self._damaged(log, log.files(), is_afresh=True))
        is_newest = self.version(name) == log.version  # else a writer may have removed files since
        return problems if is_newest or not problems else self.damaged(name)

    def _replace(
        self, log: DeltaLog, near: ds.Expression, kept: Kept, new: pa.Table | None, commit: Commit
    ) -> None:
        """Add ``new``, and write anew the files with rows that are not ``kept``.

        None of those rows is where ``near`` does not hold.
        """
        rows, removed = self._rows(log, near), list[str]()

        def content() -> Iterator[pa.RecordBatch]:
            for fragment in rows.get_fragments():
                before = fragment.to_table(schema=rows.schema)
                after = kept(before)
                if len(after) < len(before):
                    removed.append(fragment.path)
                    yield from after.to_batches()
            yield from [] if new is None else new.to_batches()

        reader = pa.RecordBatchReader.from_batches(rows.schema, content())
        log.commit(reader, removed, commit, is_due=new is not None)

    def _opened(self, name: str) -> DeltaLog:
        log = delta_log.opened(self.root, name)
        if log.table is None:
            raise StorageError(
                f"table {name} has not been published in {self.root}",
                next_step="python run_pipeline.py run",
            )
        return log

    def _rows(self, log: DeltaLog, where: ds.Expression | None) -> ds.FileSystemDataset:
        """The files that may have rows for which ``where`` holds, checked."""
        every = log.dataset()
        files = list(every.get_fragments(filter=where))
        self._check(log, [log.folder / file.path for file in files])
        return ds.FileSystemDataset(files, every.schema, every.format, every.filesystem)

    def _check(self, log: DeltaLog, files: Iterable[Path]) -> None:
        for error in self._damaged(log, files) if self.is_checked else ():
            raise error

    def _damaged(
        self, log: DeltaLog, files: Iterable[Path], *, is_afresh: bool = False
    ) -> Iterator[StorageError]:
        for path in files:
            problem = data_files.damage(path, is_afresh=is_afresh)
            if problem:
                yield StorageError(
                    f"table {log.name} in {self.root} cannot be read: "
                    f"its file {path.relative_to(self.root)} is damaged",
                    observed=problem,
                    next_step=self._way_back(log, path),
                )

    def _way_back(self, log: DeltaLog, damaged: Path) -> str:
        """The newest run that can be rolled back to without ``damaged``, or else a repair."""
        if log.name == BRONZE_FETCHES:
            return f"restore {damaged} from a backup: tables cannot be built again without it"
        commits = self.commits(log.name) if log.name in RESTORED_TABLES else []
        versions = {commit.run_id: commit.version for commit in commits}
        for run_id, version in reversed(versions.items()):
            files = log.at(version).files()
            if damaged not in files and not any(map(data_files.damage, files)):
                return f"python run_pipeline.py rollback {run_id}"
        return "python run_pipeline.py verify --repair"


def is_one_of(column: str, values: Iterable[str]) -> ds.Expression:
    """The rows whose ``column`` is one of some texts; of no texts, none."""
    return ds.field(column).isin(pa.array(list(values), pa.string()))
