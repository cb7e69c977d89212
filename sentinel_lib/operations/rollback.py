"""Going back: a new commit that restores Silver and Gold to what a run had published."""

import shutil
from datetime import datetime
from pathlib import Path

from sentinel_lib.errors import StorageError, UsageError
from sentinel_lib.operations.scratch import linked
from sentinel_lib.records.details import StageDetails
from sentinel_lib.records.roles import INGEST, ROLES
from sentinel_lib.records.stage import AssetOutcome, RunRecord
from sentinel_lib.settings.assets import recorded_assets
from sentinel_lib.stages.monitor import asset_freshness, asset_quality, write_files
from sentinel_lib.stages.silver import last_bars
from sentinel_lib.storage import journal
from sentinel_lib.storage.catalog import PUBLISHED_TABLES, RESTORED_TABLES
from sentinel_lib.storage.delta_log import Commit
from sentinel_lib.storage.journal import Move
from sentinel_lib.storage.publisher import Publisher
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake


def rollback(data: Path, target: str, *, run_id: str, now: datetime, command: str) -> RunRecord:
    """Restore what ``target`` had published, under the new ``run_id``. Nothing is deleted.

    What is published is then as of that time again, and the runs after ``target`` are undone: what
    they fetched is neither judged again nor compared with. All of it happens, or nothing; the same
    rollback again, with no run in between, does nothing. Raises ``UsageError`` if there is nothing
    to restore, ``StorageError`` if tables or records are damaged or cannot be written.
    """
    history, lake = RunHistory(data), Lake(data)
    published = [lake.commit_after(name, target) for name in PUBLISHED_TABLES]
    if published[0] is None:
        raise UsageError(
            f"run {target} had published nothing that could be restored",
            next_step="python run_pipeline.py history",
        )
    as_of = max(commit.as_of for commit in published if commit is not None)
    last = history.run_of(next(iter(history.run_ids()), ""))
    is_done = last is not None and (last.restored, last.as_of) == (target, as_of)
    if last and is_done and not any(map(lake.damaged, RESTORED_TABLES)):
        return last
    prepared = journal.prepare(data)
    copied = _tables_copied(lake, prepared)
    publisher = Publisher(Lake(prepared), Commit(run_id, as_of))
    for name in filter(lake.exists, RESTORED_TABLES):
        after = lake.read_after(name, target)
        rows = lake.read(name).slice(0, 0) if after is None else after
        publisher.restore(name, rows)
    in_effect = _in_effect(history, target)
    assets = recorded_assets(in_effect.assets)
    ages = asset_freshness(assets, last_bars(Lake(prepared), assets), as_of, in_effect.start)
    records = (history.read_stage(target, name) for name in ROLES)
    write_files(publisher.lake, publisher.commit, ages, asset_quality(list(filter(None, records))))
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
            symbol: AssetOutcome(status="restored", freshness=state.status)
            for symbol, state in ages.items()
        },
    )
    RunHistory(prepared).write_run(record)
    made = sorted(path for path, _ in _files(prepared) - copied)
    moves = [Move(source=(prepared / path).relative_to(data), target=path) for path in made]
    journal.carry_out(data, f"the rollback to run {target}", f"rollback {target}", moves)
    return record


def _tables_copied(lake: Lake, prepared: Path) -> set[tuple[Path, int]]:
    """Put each table into ``prepared`` as it is: a commit made there fits it here as well."""
    for name in filter(lake.exists, RESTORED_TABLES):
        shutil.copytree(lake.path(name), Lake(prepared).path(name), copy_function=linked)
    return _files(prepared)


def _files(folder: Path) -> set[tuple[Path, int]]:
    """The files below ``folder``, relative to it, and which file each is: a new one is another."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {(path.relative_to(folder), path.stat().st_ino) for path in files}


def _in_effect(history: RunHistory, target: str) -> StageDetails:
    """The assets of ``target``, as the newest run that it rests on recorded them."""
    for run_id in history.standing(target):
        record = history.read_stage(run_id, INGEST)
        details = record and record.handed_on(StageDetails)
        if record and details and record.status != "blocked":
            return details
    raise StorageError(
        f"the records of run {target} and of all before it are gone: its assets are not known",
        next_step="restore ops/runs from a backup",
    )
