"""The last good batch of a payload: the newest earlier fetch to compare its columns with.

A fetch was good if the gates of Bronze and of Silver both let an asset of it through in its run.
So what a blocked batch looked like, or one whose run was killed halfway, sets no standard; nor does
one whose run was undone by a rollback.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import pyarrow.dataset as ds

from sentinel_lib.ingestion.batch import LoggedPayload
from sentinel_lib.ingestion.files import NAME as FILES
from sentinel_lib.ingestion.source_columns import columns_of_json
from sentinel_lib.records.roles import BRONZE_FETCHES, INGEST, VALIDATE
from sentinel_lib.stages.ingest.schema_drift import GoodFetch
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake, is_one_of

_COLUMNS = ["run_id", "as_of", "source", "locator", "symbol", "symbols", "columns", "reading"]
_NEWEST_FIRST = [(name, "descending") for name in ("as_of", "run_id", "locator")]


def last_good_fetches(
    lake: Lake, history: RunHistory, payloads: Sequence[LoggedPayload], run_id: str, as_of: datetime
) -> list[GoodFetch | None]:
    """For each payload the newest good fetch of its source, not later than itself.

    The one from the same place (the file, or the asset that was asked for) comes first, else the
    newest that has an asset in common with it; None where there is neither. ``run_id`` and
    ``as_of`` are those of the present run.
    """
    passed = lru_cache(partial(_passed_by_both_gates, history))
    same_place: dict[int, GoodFetch] = {}
    same_asset: dict[int, GoodFetch] = {}
    waiting = dict(enumerate(payloads))
    is_earlier = (ds.field("run_id") != run_id) & ~is_one_of("run_id", history.undone())
    of_source = is_one_of("source", {payload.source for payload in payloads})
    for row in _newest_first(lake, is_earlier & of_source):
        if not waiting:
            break
        symbols = frozenset(json.loads(row["symbols"]))
        for at, payload in list(waiting.items()):
            if row["source"] != payload.source or row["as_of"] > (payload.as_of or as_of):
                continue
            place = row["symbol"] or row["locator"]
            is_here = place == (payload.symbol or payload.locator)
            is_alike = at not in same_asset and not symbols.isdisjoint(payload.symbols)
            if (is_here or is_alike) and not symbols.isdisjoint(passed(row["run_id"])):
                good = GoodFetch(row["run_id"], row["locator"], columns_of_json(row["columns"]))
                if is_alike:
                    same_asset[at] = good
                if is_here:
                    same_place[at] = good
                    del waiting[at]
    return [same_place.get(at) or same_asset.get(at) for at in range(len(payloads))]


def settled_by(lake: Lake, history: RunHistory, place: str) -> dict[str, str]:
    """What the last good fetch of a place shows of how its files are written, if it shows anything.

    Files of one run that show different things settle nothing.
    """
    passed = lru_cache(partial(_passed_by_both_gates, history))
    standing = ~is_one_of("run_id", history.undone()) & (ds.field("source") == FILES)
    answers: dict[str, set[str]] = {}
    run_id = ""
    for row in _newest_first(lake, standing):
        reading = json.loads(row["reading"] or "{}")
        if reading.get("place") != place or not reading["shown"]:
            continue
        if run_id and row["run_id"] != run_id:
            break
        if not passed(row["run_id"]).isdisjoint(json.loads(row["symbols"])):
            run_id = row["run_id"]
            for name in reading["shown"]:
                answers.setdefault(name, set()).add(reading["answers"][name])
    return {name: values.pop() for name, values in answers.items() if len(values) == 1}


def _passed_by_both_gates(history: RunHistory, run_id: str) -> set[str]:
    passed: list[set[str]] = []
    for gate in (INGEST, VALIDATE):
        record = history.read_stage(run_id, gate)
        if record is None or record.status in ("blocked", "failed"):
            return set()
        statuses = {symbol: ledger.status for symbol, ledger in record.assets.items()}
        passed.append({name for name in statuses if statuses[name] in ("passed", "not_due")})
    return set.intersection(*passed)


def _newest_first(lake: Lake, where: ds.Expression) -> Iterator[dict[str, Any]]:
    """Rows of the fetch log. Few are looked at, so they are read piece by piece."""
    rows = lake.read_or_empty(BRONZE_FETCHES, columns=_COLUMNS, where=where)
    for piece in rows.sort_by(_NEWEST_FIRST).to_batches(max_chunksize=1_024):
        yield from piece.to_pylist()
