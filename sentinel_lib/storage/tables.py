"""The tables: Delta Lake, one commit a change, each commit saying which run made it and why.

A table's name is ``layer.table``; it lives in ``<data>/<layer>/<table>``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.schemas import SCHEMAS, TEXT
from sentinel_lib.storage.selection import selected

_AS_OF = "sentinel.as_of"
_RUN_ID = "sentinel.run_id"
_CERTIFICATE = "sentinel.certificate"
_CAUSE = re.compile(r"\s*(\x1b\[\d+m)?↳(\x1b\[0m)?\s*")  # deltalake draws a tree of causes

Rows: TypeAlias = pa.Table | pa.RecordBatchReader
"""All at once, or piece by piece."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What a change of a table carries: the run, its logical clock, and the gate's certificate."""

    run_id: str
    as_of: datetime
    certificate: Mapping[str, Any] = field(default_factory=dict)

    def properties(self) -> CommitProperties:
        """The metadata of the Delta commit."""
        metadata = {_RUN_ID: self.run_id, _AS_OF: self.as_of.isoformat()}
        if self.certificate:
            metadata[_CERTIFICATE] = json.dumps(self.certificate, sort_keys=True)
        return CommitProperties(custom_metadata=metadata)


@dataclass(frozen=True, slots=True)
class PublishedCommit:
    """One version of a table, and the run that made it."""

    version: int
    run_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Lake:
    """All tables under the data folder ``root``."""

    root: Path

    def path(self, name: str) -> Path:
        """The folder of the table ``name``."""
        layer, _, table = name.partition(".")
        return self.root / layer / table

    def exists(self, name: str) -> bool:
        """Whether the table has been written at all."""
        return DeltaTable.is_deltatable(str(self.path(name)))

    def version(self, name: str) -> int | None:
        """The number of the table's newest commit, or None where there is no table."""
        return self._open(name).version() if self.exists(name) else None

    def certificate(self, name: str) -> dict[str, Any]:
        """The certificate in the newest commit, or an empty one."""
        if not self.exists(name):
            return {}
        newest = self._open(name).history(limit=1)[0]
        return dict(json.loads(newest.get(_CERTIFICATE, "{}")))

    def commits(self, name: str) -> list[PublishedCommit]:
        """Every commit of a table that a run made, the oldest first."""
        if not self.exists(name):
            return []
        return [
            PublishedCommit(
                commit["version"], commit[_RUN_ID], datetime.fromisoformat(commit[_AS_OF])
            )
            for commit in reversed(self._open(name).history())
            if _RUN_ID in commit
        ]

    def read(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        where: ds.Expression | None = None,
        as_of: datetime | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """The rows of a table: now, as it was published at ``as_of``, or as ``version`` left it."""
        dataset = self._dataset(name, as_of, version)
        try:
            return selected(dataset, columns, where)
        except (OSError, pa.ArrowException) as failed:
            raise StorageError(
                f"table {name} in {self.root} cannot be read: {failed}",
                next_step=f"restore {self.path(name)} from a backup, or move it away and run again",
            ) from failed

    def read_or_empty(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        where: ds.Expression | None = None,
    ) -> pa.Table:
        """``read``, or no rows where the table has not been written yet."""
        if self.exists(name):
            return self.read(name, columns=columns, where=where)
        empty = SCHEMAS[name].empty_table()
        return empty.select(list(columns)) if columns else empty

    def files(self, name: str) -> list[str]:
        """The Parquet files that a table is made of now, for an engine to read by itself."""
        return sorted(self._open(name).file_uris()) if self.exists(name) else []

    def append(self, name: str, rows: pa.Table, commit: Commit) -> None:
        """Add ``rows`` in one commit. No rows make no commit, but the table exists afterwards."""
        if len(rows) or not self.exists(name):
            self._write(name, rows, commit, mode="append")

    def overwrite(self, name: str, rows: Rows, commit: Commit, *, only: str | None = None) -> None:
        """Make ``rows`` the content in one commit: all, or what ``only`` (a predicate) covers."""
        if only is None or not self.exists(name):
            self._write(name, rows, commit, mode="overwrite")
        else:
            self._write(name, rows, commit, mode="overwrite", predicate=only)

    def upsert(self, name: str, rows: pa.Table, key: Sequence[str], commit: Commit) -> None:
        """Add ``rows``, replacing those with the same ``key``, in one commit."""
        if not self.exists(name) or not len(rows):
            self.append(name, rows, commit)
            return
        same_key = " AND ".join(f"kept.{column} = new.{column}" for column in key)
        with _changing(name):
            merge = self._open(name).merge(
                _typed(name, rows),
                same_key,
                source_alias="new",
                target_alias="kept",
                commit_properties=commit.properties(),
            )
            merge.when_matched_update_all().when_not_matched_insert_all().execute()

    def replace_if_changed(self, name: str, rows: pa.Table, commit: Commit) -> None:
        """Make ``rows`` the whole content, columns included; equal content makes no commit."""
        if self.exists(name) and self.read(name).equals(_typed(name, rows)):
            return
        self._write(name, rows, commit, mode="overwrite", schema_mode="overwrite")

    def delete(self, name: str, predicate: str, commit: Commit) -> None:
        """Remove the rows that ``predicate`` covers, in one commit."""
        with _changing(name):
            self._open(name).delete(predicate, commit_properties=commit.properties())

    def forget_history(self, name: str) -> None:
        """Remove the files of a scratch table that its newest version does not need."""
        with _changing(name):
            self._open(name).vacuum(
                retention_hours=0, enforce_retention_duration=False, dry_run=False
            )

    def _write(self, name: str, rows: Rows, commit: Commit, **how: Any) -> None:
        path, typed = self.path(name), _typed(name, rows)
        with _changing(name):
            path.mkdir(parents=True, exist_ok=True)
            write_deltalake(str(path), typed, commit_properties=commit.properties(), **how)

    def vacuum(self, name: str, keep: timedelta) -> list[str]:
        """Remove the files that no version of the last ``keep`` needs; gives their names."""
        with _changing(name):
            hours = max(0, int(keep.total_seconds() // 3600))
            return self._open(name).vacuum(
                retention_hours=hours, enforce_retention_duration=False, dry_run=False
            )

    def _dataset(self, name: str, as_of: datetime | None, version: int | None) -> ds.Dataset:
        table = self._open(name)
        if as_of is not None:
            version = _published_version(table, name, as_of)
        if version is not None:
            table.load_as_version(version)
        return table.to_pyarrow_dataset()

    def _open(self, name: str) -> DeltaTable:
        try:
            return DeltaTable(str(self.path(name)))
        except TableNotFoundError:
            raise StorageError(
                f"table {name} has not been published in {self.root}",
                next_step="make run",
            ) from None
        except DeltaError as failed:
            raise StorageError(f"table {name} in {self.root} cannot be read: {failed}") from failed


def is_one_of(column: str, values: Iterable[str]) -> ds.Expression:
    """The rows whose ``column`` is one of some texts; of no texts, none."""
    return ds.field(column).isin(pa.array(list(values), pa.string()))


@contextmanager
def _changing(name: str) -> Iterator[None]:
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
    except Exception as failed:  # for a value that does not fit, deltalake raises a bare Exception
        raise StorageError(
            f"table {name} could not be written: {_CAUSE.sub(': ', str(failed)).strip()}",
            next_step="make room or fix the permissions of the data folder, "
            "then run the same command again",
        ) from failed


def _typed(name: str, rows: Rows) -> Rows:
    """``rows`` with the types that the table stores, which has one type of text."""
    stored = [
        (field.name, TEXT if field.type == pa.large_string() else field.type)
        for field in rows.schema
    ]
    schema = SCHEMAS.get(name, pa.schema(stored))
    if sorted(rows.schema.names) != sorted(schema.names):
        raise StorageError(
            f"the rows do not have the columns of table {name}",
            observed=", ".join(rows.schema.names),
            expected=", ".join(schema.names),
        )
    if isinstance(rows, pa.RecordBatchReader):
        typed = (one.select(schema.names).cast(schema) for one in rows)
        return pa.RecordBatchReader.from_batches(schema, typed)
    try:
        return rows.select(schema.names).cast(schema)
    except pa.ArrowException as misfit:
        raise StorageError(f"the rows do not fit table {name}: {misfit}") from misfit


def _published_version(table: DeltaTable, name: str, as_of: datetime) -> int:
    dated = [
        (datetime.fromisoformat(commit[_AS_OF]), commit["version"])
        for commit in reversed(table.history())
        if _AS_OF in commit
    ]
    published: list[tuple[datetime, int]] = []
    for when, version in dated:  # a rollback goes back in time, and later commits do not count then
        published = [*(one for one in published if one[0] <= when), (when, version)]
    known = [version for when, version in published if when <= as_of]
    if not known:
        first = min(dated)[0].isoformat() if dated else "a moment after its first run"
        raise StorageError(
            f"table {name} had not been published yet at {as_of.isoformat()}",
            expected=f"{first} or later",
        )
    return int(known[-1])
