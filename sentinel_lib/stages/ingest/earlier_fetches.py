"""The last good batch of a payload: the newest earlier fetch to compare its columns with.

A fetch was good if the gates of Bronze and of Silver both let an asset of it through in its run.
So what a blocked batch looked like, or one whose run was killed halfway, sets no standard; nor does
one whose run was undone by a rollback.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache, partial

import pyarrow.dataset as ds

from sentinel_lib.ingestion.fetches import LoggedPayload
from sentinel_lib.ingestion.source_columns import columns_of_json
from sentinel_lib.stages.ingest.earlier_runs import newest_fetches, passed_by_both_gates
from sentinel_lib.stages.ingest.schema_drift import GoodFetch
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake, is_one_of


def last_good_fetches(
    lake: Lake, history: RunHistory, payloads: Sequence[LoggedPayload], run_id: str, as_of: datetime
) -> list[GoodFetch | None]:
    """For each payload the newest good fetch of its source, not later than itself.

    The one from the same place (the file, or the asset that was asked for) comes first, else the
    newest that has an asset in common with it; None where there is neither. ``run_id`` and
    ``as_of`` are those of the present run.
    """
    passed = lru_cache(partial(passed_by_both_gates, history))
    same_place: dict[int, GoodFetch] = {}
    same_asset: dict[int, GoodFetch] = {}
    waiting = dict(enumerate(payloads))
    is_earlier = (ds.field("run_id") != run_id) & ~is_one_of("run_id", history.undone())
    of_source = is_one_of("source", {payload.source for payload in payloads})
    for row in newest_fetches(lake, is_earlier & of_source):
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
