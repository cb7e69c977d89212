"""Verification: everything built again from the archive, in an empty folder, and compared."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import yaml

from sentinel_lib.errors import SentinelError, StageError, StorageError
from sentinel_lib.operations.lost_payloads import lost_payloads
from sentinel_lib.operations.rollback import rollback
from sentinel_lib.operations.versions import version_after
from sentinel_lib.reachable_code import CODE_PARTS, ReachableCode, code_cells, code_digest
from sentinel_lib.records.details import Certificate, ValidateDetails
from sentinel_lib.records.roles import BRONZE_BARS, BRONZE_FETCHES, INGEST, VALIDATE
from sentinel_lib.records.stage import RunRecord, StageRecord
from sentinel_lib.settings.pipeline import PipelineFile, Stage, load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.storage.catalog import CATALOG, PUBLISHED_TABLES, schema_of
from sentinel_lib.storage.digest import content_digest
from sentinel_lib.storage.engine import engine_name
from sentinel_lib.storage.layout import SCRATCH, Layout
from sentinel_lib.storage.run_history import Fingerprint, RunHistory
from sentinel_lib.storage.tables import Lake

ARTIFACTS = tuple(map(str, (Layout(Path()).aggregates, Layout(Path()).freshness)))
COMPARED_TABLES = (BRONZE_BARS, *PUBLISHED_TABLES)

Say = Callable[[str], None]
"""Told of what goes on, a line at a time."""


@dataclass
class Verification:
    """What a rebuild of a run found. ``problems`` names each table or file that differs.

    ``notes`` says what explains a difference: code that has changed since, for one. Where payloads
    are lost, ``problems`` names them, and nothing was built: whatever follows from them is missing.
    """

    run_id: str
    rebuilt_runs: int = 0
    compared: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(data: Path, run_id: str, say: Say = lambda _: None) -> Verification:
    """Build again everything up to ``run_id`` from the payloads, and compare it with what is there.

    Each run is made again in order, with the configuration that it recorded and the payloads that
    its fetch log names, by the notebooks as they are now; rollbacks are done again. Tables are
    compared by content digest; the two artifacts byte by byte, where ``run_id`` is the last run.
    """
    found = Verification(run_id, problems=list(map(str, lost_payloads(data, run_id))))
    if found.problems:
        found.notes.append("nothing was built again, for what follows from these would differ too")
        return found
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=data) as folder:
        scratch = Path(folder) / "data"
        build(data, scratch, found, say)
        compare(data, scratch, found)
    return found


def build(data: Path, scratch: Path, found: Verification, say: Say) -> None:
    """Make every run up to ``found.run_id`` again in ``scratch``, and note what went otherwise."""
    history = RunHistory(data)
    runs = [run_id for run_id in sorted(history.run_ids()) if run_id <= found.run_id]
    for place, run_id in enumerate(runs, 1):
        say(f"building run {run_id} again, {place} of {len(runs)}")
        try:
            _make_again(data, scratch, run_id, history.run_of(run_id), found)
        except SentinelError as stopped:
            found.problems.append(f"run {run_id}: {stopped}")


def compare(data: Path, scratch: Path, found: Verification) -> list[str]:
    """Note what differs between what was published and what was built; the tables and files."""
    before, after = Lake(data), Lake(scratch)
    different = [name for name in COMPARED_TABLES if _differs(before, after, name, found)]
    if found.run_id == max(RunHistory(data).run_ids()):
        different += [name for name in ARTIFACTS if _file_differs(data, scratch, name, found)]
    else:
        found.notes.append("files are compared for the last run only: they hold no history")
    return different


def _make_again(
    data: Path, scratch: Path, run_id: str, record: RunRecord | None, found: Verification
) -> None:
    history = RunHistory(data)
    if record is not None and record.kind == "rollback":
        _roll_back_again(scratch, record)
        found.rebuilt_runs += 1
        return
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
    is_well = True
    for stage in stages:
        recorded = said[stage.name]
        is_unrecorded = PUBLISHED_TABLES[0] in stage.writes and run_id in published
        if recorded is not None and recorded.run_id != run_id:
            RunHistory(scratch).carry_over(stage.name, recorded.run_id, run_id)
        elif (recorded is not None or is_unrecorded) and (is_well or stage.when == "always"):
            is_well &= _is_stage_made_again(stage, recorded, parameters, found)
    found.rebuilt_runs += 1
    _note_code(data, run_id, config, found)


def _roll_back_again(scratch: Path, record: RunRecord) -> None:
    rollback(
        scratch,
        record.restored,
        run_id=record.run_id,
        now=record.started_at_utc,
        command=record.command,
    )


def _is_stage_made_again(
    stage: Stage,
    recorded: StageRecord | None,
    parameters: Mapping[str, str],
    found: Verification,
) -> bool:
    """Run the stage; whether it came to its end. That one which was blocked is blocked again is no
    finding.
    """
    config = Path(parameters["config_dir"])
    notebook = in_project(load_pipeline(config).notebooks) / stage.notebook
    try:
        _run_cells(notebook, parameters)
    except SentinelError as stopped:
        if recorded is None or recorded.status != "blocked":
            run_id = parameters["run_id"]
            found.problems.append(f"run {run_id}, stage {stage.name}: {stopped}")
        return False
    return True


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
    details = record.handed_on(ValidateDetails)
    if details is None:
        note = f"run {run_id} recorded no certificate: by what code it was made is not known"
        found.notes.append(note)
        return
    certificate = details.certificate
    changed = {
        "the code has changed since some of these runs were made": _is_other_code(
            RunHistory(data).fingerprints(run_id), load_pipeline(config), certificate
        ),
        f"some of these runs were made by {certificate.engine}": certificate.engine
        != engine_name(),
    }
    found.notes += [note for note, is_so in changed.items() if is_so and note not in found.notes]


def _is_other_code(
    recorded: Mapping[str, Fingerprint], pipeline: PipelineFile, certificate: Certificate
) -> bool:
    """Whether a stage's notebook, or what it reaches, is not as it was: the gate's by the
    certificate, the others' by what the pipeline has noted of them.
    """
    library = ReachableCode()
    for stage in pipeline.stages:
        code = library.of_notebook(in_project(pipeline.notebooks) / stage.notebook)
        if stage.name == VALIDATE and certificate.code_digest != code_digest(code):
            return True
        known = recorded.get(stage.name, {})
        before = {part: known[part] for part in known if part.startswith(CODE_PARTS)}
        if before and before != code:
            return True
    return False


def _differs(before: Lake, after: Lake, name: str, found: Verification) -> bool:
    try:
        version = version_after(before, name, found.run_id)
        rows = None if version is None else _fetched(before, name, version, found.run_id)
        then = _digest(name, rows)
    except StorageError as damaged:
        found.problems.append(str(damaged))
        return True
    rebuilt = None
    if after.exists(name):
        rebuilt = _fetched(after, name, after.version(name), found.run_id)
    now = _digest(name, rebuilt)
    found.compared[name] = then
    if then != now:
        counts = [0 if table is None else len(table) for table in (rows, rebuilt)]
        found.problems.append(
            f"{name} differs: {counts[0]} rows published ({then[:12]}), "
            f"{counts[1]} rows rebuilt ({now[:12]})"
        )
    return then != now


def _fetched(lake: Lake, name: str, version: int | None, run_id: str) -> pa.Table:
    """The rows of a table; of Bronze those that a run up to ``run_id`` has logged.

    A run that was killed may have left others.
    """
    rows = lake.read(name, version=version)
    if name != BRONZE_BARS:
        return rows
    reading = ["payload", "layout"]
    logged = lake.read_or_empty(BRONZE_FETCHES, columns=reading, where=ds.field("run_id") <= run_id)
    return rows.join(logged.group_by(reading).aggregate([]), reading, join_type="left semi")


def _digest(name: str, table: pa.Table | None) -> str:
    if table is None or not len(table):
        return "no rows"
    schema = schema_of(name)
    return content_digest(table.select(schema.names) if schema else table, CATALOG[name].key)


def _file_differs(data: Path, scratch: Path, name: str, found: Verification) -> bool:
    paths = (data / name, scratch / name)
    contents = [path.read_bytes() if path.exists() else None for path in paths]
    found.compared[name] = "absent" if contents[0] is None else f"{len(contents[0])} bytes"
    if contents[0] != contents[1]:
        found.problems.append(f"{name} differs from what the archive gives")
    return contents[0] != contents[1]
