"""What earlier files of a place settle about how its files are written."""

import json
from functools import lru_cache, partial

import pyarrow.dataset as ds

from sentinel_lib.ingestion.files import NAME as FILES
from sentinel_lib.stages.ingest.earlier_runs import newest_fetches, passed_by_both_gates
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake, is_one_of


def settled_by(lake: Lake, history: RunHistory, place: str) -> dict[str, str]:
    """What the last good fetch of a place shows of how its files are written, if it shows anything.

    Files of one run that show different things settle nothing.
    """
    passed = lru_cache(partial(passed_by_both_gates, history))
    standing = ~is_one_of("run_id", history.undone()) & (ds.field("source") == FILES)
    answers: dict[str, set[str]] = {}
    run_id = ""
    for row in newest_fetches(lake, standing):
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
