"""Going back: a new commit that restores Silver and Gold to what a run had published."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from sentinel_lib.errors import UsageError
from sentinel_lib.gold_metrics import csv_text
from sentinel_lib.operations.versions import PUBLISHED_TABLES, version_after
from sentinel_lib.records.roles import MONITOR
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Commit, Lake
from sentinel_lib.workbench import open_stage
from sentinel_lib.workbench.board import FRESHNESS_FILE, freshness_board, freshness_json
from sentinel_lib.workbench.gold import AGGREGATES_FILE


def rollback(
    config: Path, data: Path, target: str, *, run_id: str, now: datetime, command: str
) -> RunRecord:
    """Restore what ``target`` had published, under the new ``run_id``. Nothing is deleted.

    The restored state is as new as the newest published one: its ``as_of`` stays that of the last
    run, and so does the rule that time does not go back.
    """
    lake = Lake(data)
    as_of = max(
        (one.as_of for name in PUBLISHED_TABLES for one in lake.commits(name)), default=None
    )
    if as_of is None or version_after(lake, PUBLISHED_TABLES[0], target) is None:
        raise UsageError(
            f"run {target} had published nothing that could be restored",
            next_step="python run_pipeline.py history",
        )
    restore(lake, target, Commit(run_id, as_of))
    stage = open_stage(
        MONITOR,
        run_id="",
        as_of=as_of.isoformat(),
        config_dir=str(config),
        data_dir=str(data),
        threads=0,
    )
    text = freshness_json(stage, freshness_board(stage))
    artifacts.replace(data / FRESHNESS_FILE, text.encode())
    record = RunRecord(
        run_id=run_id,
        kind="rollback",
        restored=target,
        as_of=as_of,
        started_at_utc=now,
        finished_at_utc=now,
        status="ok",
        exit_code=0,
        command=command,
        assets={
            symbol: {"freshness": one["status"]}
            for symbol, one in json.loads(text)["assets"].items()
        },
    )
    RunHistory(data).write_run(record)
    return record


def restore(lake: Lake, target: str, commit: Commit) -> None:
    """Make the published tables what they were when ``target`` had ended, and the figures' file."""
    for name in PUBLISHED_TABLES:
        version = version_after(lake, name, target)
        if version is not None:
            lake.overwrite(name, lake.read(name, version=version), commit)
    figures = lake.read("gold.aggregates").to_pandas()
    artifacts.replace(lake.root / "gold" / AGGREGATES_FILE, csv_text(figures).encode())
