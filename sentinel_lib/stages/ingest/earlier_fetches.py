"""The last good batch of a payload: the newest earlier fetch to compare its columns with.

A fetch was good if the gates of Bronze and of Silver both let an asset of it through in its run.
So what a refused batch looked like, or one whose run was killed halfway, sets no standard; nor does
one whose run was undone by a rollback.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from sentinel_lib.ingestion import LoggedPayload
from sentinel_lib.ingestion.source_columns import SourceColumn, columns_of_json
from sentinel_lib.records.roles import BRONZE_FETCHES, INGEST, VALIDATE
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.tables import is_one_of

GATES = (INGEST, VALIDATE)

_COLUMNS = ["run_id", "as_of", "source", "locator", "symbol", "symbols", "columns"]
_NEWEST_FIRST = [(name, "descending") for name in ("as_of", "run_id", "locator")]


@dataclass(frozen=True, slots=True)
class GoodFetch:
    """A fetch that was let through: in which run, from where, and with what columns."""

    run_id: str
    locator: str
    columns: tuple[SourceColumn, ...]


def last_good_fetches(stage: Stage, payloads: Sequence[LoggedPayload]) -> list[GoodFetch | None]:
    """For each payload the newest good fetch of its source, not later than itself.

    The one from the same place (the file, or the asset that was asked for) comes first, else the
    newest that has an asset in common with it; None where there is neither.
    """
    search = _Search(stage, payloads)
    for row in _rows_newest_first(stage, {one.source for one in payloads}):
        if search.is_done:
            break
        search.look_at(row)
    return [search.same_place.get(at) or search.same_asset.get(at) for at in range(len(payloads))]


class _Search:
    """Which payloads still wait for a fetch to compare with, by place and by asset."""

    def __init__(self, stage: Stage, payloads: Sequence[LoggedPayload]) -> None:
        self._stage = stage
        self._dates = [stage.fetched_as_of.get(one.payload, stage.as_of) for one in payloads]
        self._passed: dict[str, frozenset[str]] = {}
        self._by_place: dict[tuple[str, str], list[int]] = {}
        self._by_asset: dict[tuple[str, str], list[int]] = {}
        self._waiting = set(range(len(payloads)))
        self.same_place: dict[int, GoodFetch] = {}
        self.same_asset: dict[int, GoodFetch] = {}
        for at, one in enumerate(payloads):
            self._by_place.setdefault((one.source, one.symbol or one.locator), []).append(at)
            for symbol in one.symbols:
                self._by_asset.setdefault((one.source, symbol), []).append(at)

    @property
    def is_done(self) -> bool:
        """Whether nothing older can be of use."""
        return not self._waiting

    def look_at(self, row: dict[str, Any]) -> None:
        """Take a row of the fetch log, each older than the one before, for what it is good for."""
        source, when = row["source"], row["as_of"]
        here = self._open(self._by_place.get((source, row["symbol"] or row["locator"]), ()), when)
        symbols = json.loads(row["symbols"])
        alike = {
            at
            for symbol in symbols
            for at in self._open(self._by_asset.get((source, symbol), ()), when)
            if at not in self.same_asset
        }
        if not (here or alike) or self._let_through(row["run_id"]).isdisjoint(symbols):
            return
        good = GoodFetch(row["run_id"], row["locator"], columns_of_json(row["columns"]))
        self.same_asset |= dict.fromkeys(alike, good)
        self.same_place |= dict.fromkeys(here, good)
        self._waiting.difference_update(here)

    def _open(self, found: Sequence[int], when: datetime) -> list[int]:
        return [at for at in found if at in self._waiting and when <= self._dates[at]]

    def _let_through(self, run_id: str) -> frozenset[str]:
        """The assets that both gates of a run passed."""
        if run_id not in self._passed:
            self._passed[run_id] = _passed_by_both_gates(self._stage, run_id)
        return self._passed[run_id]


def _passed_by_both_gates(stage: Stage, run_id: str) -> frozenset[str]:
    passed: list[set[str]] = []
    for gate in GATES:
        record = stage.history.read_stage(run_id, gate)
        if record is None or record.status in ("blocked", "failed"):
            return frozenset()
        passed.append(
            {symbol for symbol, one in record.assets.items() if one.status in ("passed", "not_due")}
        )
    return frozenset(set.intersection(*passed))


def _rows_newest_first(stage: Stage, sources: set[str]) -> Iterator[dict[str, Any]]:
    """The earlier fetches of ``sources``. Few are looked at, so they are read piece by piece."""
    where = (ds.field("run_id") != stage.run_id) & ds.field("source").isin(
        pa.array(sorted(sources), pa.string())
    )
    where &= ~is_one_of("run_id", stage.history.undone())
    rows = stage.published.read_or_empty(BRONZE_FETCHES, columns=_COLUMNS, where=where)
    for piece in rows.sort_by(_NEWEST_FIRST).to_batches(max_chunksize=1_024):
        yield from piece.to_pylist()
