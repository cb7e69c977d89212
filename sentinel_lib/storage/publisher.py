"""The way out for Gold: whatever readers outside the pipeline rely on is written here."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from sentinel_lib.gold_metrics import csv_text
from sentinel_lib.records.roles import GOLD_AGGREGATES, GOLD_DAILY
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.catalog import CATALOG
from sentinel_lib.storage.delta_log import Commit
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.tables import Lake


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes Gold as tables and files of ``lake``.

    Another place for Gold, such as a database, is another class with these methods. Each raises
    ``StorageError`` if something cannot be written.
    """

    lake: Lake
    commit: Commit

    def sessions(self, rows: pa.Table, *, is_whole: bool) -> None:
        """Publish rows of ``gold.daily``: all that there are, or those that changed."""
        if is_whole:
            self.lake.overwrite(GOLD_DAILY, rows, self.commit)
        else:
            self.lake.upsert(GOLD_DAILY, rows, CATALOG[GOLD_DAILY].key, self.commit)

    def aggregates(self, rows: pa.Table) -> Path:
        """Publish the metrics as ``gold.aggregates`` and as CSV, whose path it gives."""
        self.lake.replace_if_changed(GOLD_AGGREGATES, rows, self.commit)
        return self._csv(rows)

    def restore(self, name: str, rows: pa.Table) -> None:
        """Make ``rows`` the content of the table ``name`` again.

        There is a commit even where nothing changes: a table is as of its newest one.
        """
        self.lake.overwrite(name, rows, self.commit)
        if name == GOLD_AGGREGATES:
            self._csv(rows)

    def freshness(self, content: bytes) -> Path:
        """Publish ``freshness.json``, whose path it gives."""
        return self._file(Layout(self.lake.root).freshness, content)

    def _csv(self, rows: pa.Table) -> Path:
        return self._file(Layout(self.lake.root).aggregates, csv_text(rows).encode())

    def _file(self, path: Path, content: bytes) -> Path:
        artifacts.replace(path, content)
        return path
