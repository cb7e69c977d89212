"""What the commits of a table say: which run made each, as of when, and by what certificate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sentinel_lib.errors import StorageError
from sentinel_lib.storage.delta_log import DeltaLog

_AS_OF = "sentinel.as_of"
_RUN_ID = "sentinel.run_id"
_CERTIFICATE = "sentinel.certificate"


@dataclass(frozen=True, slots=True)
class Commit:
    """What a change of a table carries: the run, its logical clock, and the gate's certificate."""

    run_id: str
    as_of: datetime
    certificate: Mapping[str, Any] = field(default_factory=dict)

    def metadata(self) -> dict[str, str]:
        """The metadata of the Delta commit."""
        metadata = {_RUN_ID: self.run_id, _AS_OF: self.as_of.isoformat()}
        if self.certificate:
            metadata[_CERTIFICATE] = json.dumps(self.certificate, sort_keys=True)
        return metadata


@dataclass(frozen=True, slots=True)
class PublishedCommit:
    """One version of a table, and the run that made it."""

    version: int
    run_id: str
    as_of: datetime


def published_commits(log: DeltaLog) -> list[PublishedCommit]:
    """Every commit of a table that a run made, the oldest first."""
    return [
        PublishedCommit(info["version"], info[_RUN_ID], datetime.fromisoformat(info[_AS_OF]))
        for info in reversed(list(log.commits()))
        if _RUN_ID in info
    ]


def newest_certificate(log: DeltaLog) -> dict[str, Any]:
    """The certificate in the newest commit, or an empty one."""
    newest = next(log.commits(), {})
    return dict(json.loads(newest.get(_CERTIFICATE, "{}")))


def version_at(log: DeltaLog, as_of: datetime) -> int:
    """The version that was published at ``as_of``.

    Raises ``StorageError`` if the table had not been published yet.
    """
    commits = published_commits(log)
    standing: list[PublishedCommit] = []
    for commit in commits:  # a rollback goes back in time, and later commits do not count then
        standing = [*(earlier for earlier in standing if earlier.as_of <= commit.as_of), commit]
    known = [commit.version for commit in standing if commit.as_of <= as_of]
    if not known:
        first = min((commit.as_of for commit in commits), default=None)
        raise StorageError(
            f"table {log.name} had not been published yet at {as_of.isoformat()}",
            expected=f"{first.isoformat() if first else 'a moment after its first run'} or later",
            next_step="ask for a later time: python run_pipeline.py history lists the runs",
        )
    return known[-1]
