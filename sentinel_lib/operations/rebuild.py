"""Verification: everything built again from the archive, in an empty folder, and compared."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import yaml

from sentinel_lib.errors import SentinelError, StageError
from sentinel_lib.operations.difference import KEYS
from sentinel_lib.operations.rollback import restore
from sentinel_lib.operations.versions import PUBLISHED_TABLES, version_after
from sentinel_lib.records.certificate import Certificate
from sentinel_lib.records.roles import INGEST, VALIDATE
from sentinel_lib.records.stage import RunRecord, StageRecord
from sentinel_lib.settings import Stage, load_pipeline
from sentinel_lib.settings.notebook_source import code_cells
from sentinel_lib.settings.project import in_project
from sentinel_lib.storage.digest import content_digest
from sentinel_lib.storage.engine import engine_name
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.schemas import SCHEMAS
from sentinel_lib.storage.tables import Commit, Lake
from sentinel_lib.workbench.code import code_digest

ARTIFACTS = ("gold/aggregates.csv", "gold/freshness.json")


@dataclass
class Verification:
    """What a rebuild of a run found. ``problems`` names each table or file that differs.

    ``notes`` says what explains a difference: code that has changed since, for one.
    """

    run_id: str
    rebuilt_runs: int = 0
    compared: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(data: Path, run_id: str) -> Verification:
    """Build again everything up to ``run_id`` from the payloads, and compare it with what is there.

    Each run is made again in order, with the configuration that it recorded and the payloads that
    its fetch log names, by the notebooks as they are now; rollbacks are done again. Tables are
    compared by content digest; the two artifacts byte by byte, where ``run_id`` is the last run.
    """
    found = Verification(run_id)
    history = RunHistory(data)
    records = {one.run_id: one for one in history.runs()}
    runs = [one for one in sorted(history.run_ids()) if one <= run_id]
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=data) as folder:
        scratch = Path(folder) / "data"
        for one in runs:
            _make_again(data, scratch, one, records.get(one), found)
        for name in PUBLISHED_TABLES:
            _compare_table(Lake(data), Lake(scratch), name, found)
        if run_id == max(history.run_ids()):
            for name in ARTIFACTS:
                _compare_file(data / name, scratch / name, name, found)
        else:
            found.notes.append("files are compared for the last run only: they hold no history")
    return found


def _make_again(
    data: Path, scratch: Path, run_id: str, record: RunRecord | None, found: Verification
) -> None:
    if record is not None and record.kind == "rollback":
        restore(Lake(scratch), record.restored, Commit(run_id, record.as_of))
        found.rebuilt_runs += 1
        return
    history = RunHistory(data)
    config = history.config_of(run_id)
    if not config.is_dir():
        return  # it ended before its first stage had begun
    config = _config_with_logs_in(scratch.parent, config)
    stages = load_pipeline(config).stages
    said = {stage.name: history.read_stage(run_id, stage.name) for stage in stages}
    own = [one for one in said.values() if one is not None and one.run_id == run_id]
    if said.get(INGEST) is None or not own:
        return  # it ended before anything was stored
    published = {one.run_id for one in Lake(data).commits(PUBLISHED_TABLES[0])}
    parameters = {
        "run_id": run_id,
        "as_of": own[0].as_of.isoformat(),
        "config_dir": str(config),
        "data_dir": str(scratch),
        "archive": str(data),
    }
    for stage in stages:
        recorded = said[stage.name]
        is_unrecorded = PUBLISHED_TABLES[0] in stage.writes and run_id in published
        if recorded is not None and recorded.run_id != run_id:
            RunHistory(scratch).carry_over(stage.name, recorded.run_id, run_id)
        elif recorded is not None or is_unrecorded:
            _make_stage_again(stage, recorded, parameters, found)
    found.rebuilt_runs += 1
    _note_code(data, run_id, config, found)


def _make_stage_again(
    stage: Stage,
    recorded: StageRecord | None,
    parameters: Mapping[str, str],
    found: Verification,
) -> None:
    """Run the stage; that one which was blocked is blocked again is no finding."""
    config = Path(parameters["config_dir"])
    notebook = in_project(load_pipeline(config).notebooks) / stage.notebook
    try:
        _run_cells(notebook, parameters)
    except SentinelError as stopped:
        if recorded is None or recorded.status != "blocked":
            run_id = parameters["run_id"]
            found.problems.append(f"run {run_id}, stage {stage.name}: {stopped}")


def _config_with_logs_in(folder: Path, recorded: Path) -> Path:
    """The recorded configuration, but for the logs: a rebuild does not write into a run's."""
    config = folder / "config"
    shutil.copytree(recorded, config, dirs_exist_ok=True)
    path = config / "pipeline.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**content, "logs": str(folder / "logs")}), encoding="utf-8")
    return config


def _run_cells(notebook: Path, parameters: Mapping[str, str]) -> None:
    """The code cells of a stage in this process, with ``parameters`` after their defaults."""
    namespace: dict[str, object] = {}
    for number, source in enumerate(code_cells(notebook)):
        exec(compile(source, f"{notebook.name} cell {number + 1}", "exec"), namespace)
        if number == 0:
            unknown = [name for name in ("run_id", "data_dir") if name not in namespace]
            if unknown:
                raise StageError(f"{notebook.name} has no parameter {', '.join(unknown)}")
            namespace |= {key: value for key, value in parameters.items() if key in namespace}


def _note_code(data: Path, run_id: str, config: Path, found: Verification) -> None:
    record = RunHistory(data).read_stage(run_id, VALIDATE)
    if record is None or record.status == "blocked":
        return
    if "certificate" not in record.details:
        note = f"run {run_id} recorded no certificate: by what code it was made is not known"
        found.notes.append(note)
        return
    certificate = Certificate.model_validate(record.details["certificate"])
    now = code_digest(in_project(load_pipeline(config).notebooks))
    changed = {
        "the code has changed since some of these runs were made": certificate.code_digest != now,
        f"some of these runs were made by {certificate.engine}": certificate.engine
        != engine_name(),
    }
    found.notes += [note for note, is_so in changed.items() if is_so and note not in found.notes]


def _compare_table(before: Lake, after: Lake, name: str, found: Verification) -> None:
    version = version_after(before, name, found.run_id)
    tables = [
        None if version is None else before.read(name, version=version),
        after.read(name) if after.exists(name) else None,
    ]
    digests = [_digest(name, table) for table in tables]
    found.compared[name] = digests[0]
    if digests[0] != digests[1]:
        rows = [0 if table is None else len(table) for table in tables]
        found.problems.append(
            f"{name} differs: {rows[0]} rows published ({digests[0][:12]}), "
            f"{rows[1]} rows rebuilt ({digests[1][:12]})"
        )


def _digest(name: str, table: pa.Table | None) -> str:
    if table is None or not len(table):
        return "no rows"
    schema = SCHEMAS.get(name)
    return content_digest(table.select(schema.names) if schema else table, KEYS[name])


def _compare_file(before: Path, after: Path, name: str, found: Verification) -> None:
    contents = [path.read_bytes() if path.exists() else None for path in (before, after)]
    found.compared[name] = "absent" if contents[0] is None else f"{len(contents[0])} bytes"
    if contents[0] != contents[1]:
        found.problems.append(f"{name} differs from what the archive gives")
