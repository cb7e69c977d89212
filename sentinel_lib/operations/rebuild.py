"""Verification: everything built again from the archive, in an empty folder, and compared."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import yaml

from sentinel_lib import clock
from sentinel_lib.errors import SentinelError, StageError, StorageError
from sentinel_lib.notebook_runner.code_cells import code_cells, declared_parameters, run_cells
from sentinel_lib.operations import checkpoint
from sentinel_lib.operations.checkpoint import Checkpoint
from sentinel_lib.operations.inspection import lost_payloads
from sentinel_lib.operations.results import Verification
from sentinel_lib.operations.rollback import rollback
from sentinel_lib.operations.scratch import scratch_folder
from sentinel_lib.reachable_code import CODE_PARTS, ReachableCode, code_digest
from sentinel_lib.records.details import Certificate, ValidateDetails
from sentinel_lib.records.roles import (
    BRONZE_BARS,
    BRONZE_FETCHES,
    INGEST,
    QUARANTINE_BARS,
    SILVER_BARS,
    VALIDATE,
)
from sentinel_lib.settings.pipeline import PipelineFile, load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.storage.catalog import CATALOG, PUBLISHED_TABLES, schema_of
from sentinel_lib.storage.digest import content_digest
from sentinel_lib.storage.engine import engine_name
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

_PLACES = Layout(Path())
ARTIFACTS = (str(_PLACES.aggregates), str(_PLACES.freshness))
COMPARED_TABLES = (BRONZE_BARS, *PUBLISHED_TABLES)

Say = Callable[[str], None]
"""Told of what goes on, a line at a time."""


def verify(
    data: Path, run_id: str, say: Say = lambda _: None, *, from_start: bool = False
) -> Verification:
    """Build again everything up to ``run_id`` from the payloads, and compare it with what is there.

    Each run is made again in order, with the configuration that it recorded and the payloads that
    its fetch log names, by the notebooks as they are now; rollbacks are done again. Tables are
    compared by content digest; the two artifacts byte by byte, where ``run_id`` is the last run.
    Runs up to the checkpoint were verified when that was made, and are not made again, unless it
    begins ``from_start``.
    Raises ``StorageError`` if a record or the log of fetches cannot be read.
    """
    begin = None if from_start else checkpoint.newest(data, run_id)
    since = begin.run_id if begin else ""
    report = Verification(run_id, problems=list(map(str, lost_payloads(data, run_id, since))))
    if report.problems:
        report.note("nothing was built again, for what follows from these would differ too")
        return report
    with scratch_folder(data) as folder:
        rebuild = Rebuild(data, folder / "data", report)
        rebuild.make(say, begin)
        rebuild.compare()
        rebuild.look_at_quarantine()
    return report


class Rebuild:
    """The runs of ``data`` up to that of ``report``, made again in the folder ``scratch``."""

    def __init__(self, data: Path, scratch: Path, report: Verification) -> None:
        self.data, self.scratch, self.report = data, scratch, report
        self.history = RunHistory(data)

    def make(self, say: Say, begin: Checkpoint | None = None) -> None:
        """Make every run again, in order, from the first or after ``begin``; the report tells what
        went otherwise.
        """
        since, until = begin.run_id if begin else "", self.report.run_id
        run_ids = [run_id for run_id in self.history.run_ids() if since < run_id <= until]
        if begin:
            checkpoint.begin_with(self.data, begin, self.scratch)
            when = clock.iso(begin.verified_at_utc)
            self.report.note(f"runs up to {begin.run_id} were verified on {when}")
        for place, run_id in enumerate(reversed(run_ids), 1):
            say(f"building run {run_id} again, {place} of {len(run_ids)}")
            try:
                record = self.history.run_of(run_id)
                if record is not None and record.kind == "rollback":
                    now, command = record.started_at_utc, record.command
                    rollback(self.scratch, record.restored, run_id=run_id, now=now, command=command)
                    self.report.rebuilt_runs += 1
                else:
                    self._run(run_id)
            except SentinelError as stopped:
                self.report.problems.append(f"run {run_id}: {stopped}")

    def compare(self) -> list[str]:
        """The tables and files that differ from what was published; the report tells how."""
        different = [name for name in COMPARED_TABLES if self._is_other_table(name)]
        if self.report.run_id == max(self.history.run_ids()):
            return different + [name for name in ARTIFACTS if self._is_other_file(name)]
        self.report.note("files are compared for the last run only: they hold no history")
        return different

    def look_at_quarantine(self) -> None:
        """Whether another rebuild may begin with the quarantine as it is: waiting rows are in it.

        It need not be what the archive gives: a run that was killed may have left other rows there.
        """
        name, lakes = QUARANTINE_BARS, (Lake(self.data), Lake(self.scratch))
        try:
            digests = {_digest(name, self._rows(lake, name)) for lake in lakes}
        except StorageError as damaged:
            self.report.note(str(damaged))
        else:
            self.report.is_whole = not self.report.problems and len(digests) == 1

    def _run(self, run_id: str) -> None:
        kept = self.history.layout.config_of(run_id)
        if not kept.is_dir():
            return  # it ended before its first stage had begun
        config = self._config_with_other_logs(kept)
        pipeline = load_pipeline(config)
        names = [stage.name for stage in pipeline.stages]
        records = {name: self.history.read_stage(run_id, name) for name in names}
        executed = [record for record in records.values() if record and record.run_id == run_id]
        if records.get(INGEST) is None or not executed:
            return  # it ended before anything was stored
        published = {commit.run_id for commit in Lake(self.data).commits(SILVER_BARS)}
        parameters = {
            "run_id": run_id,
            "as_of": executed[0].as_of.isoformat(),
            "config_dir": str(config),
            "data_dir": str(self.scratch),
            "archive": str(self.data),
        }
        is_well = True
        for stage in pipeline.stages:
            record = records[stage.name]
            is_unrecorded = SILVER_BARS in stage.writes and run_id in published
            if record is not None and record.run_id != run_id:
                RunHistory(self.scratch).carry_over(stage.name, record.run_id, run_id)
            elif (record is not None or is_unrecorded) and (is_well or stage.when == "always"):
                notebook = in_project(pipeline.notebooks) / stage.notebook
                try:
                    _run_cells(notebook, parameters)
                except SentinelError as stopped:
                    is_well = False
                    if record is None or record.status != "blocked":  # it is blocked again
                        where = f"run {run_id}, stage {stage.name}"
                        self.report.problems.append(f"{where}: {stopped}")
        self.report.rebuilt_runs += 1
        self._note_code(run_id, pipeline)

    def _config_with_other_logs(self, kept: Path) -> Path:
        """A recorded configuration, but for the logs: a rebuild does not write into a run's."""
        folder = self.scratch.parent
        config = folder / "config"
        shutil.copytree(kept, config, dirs_exist_ok=True)
        path = config / "pipeline.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content["logs"] = str(folder / "logs")
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return config

    def _note_code(self, run_id: str, pipeline: PipelineFile) -> None:
        record = self.history.read_stage(run_id, VALIDATE)
        if record is None or record.status == "blocked":
            return
        details = record.handed_on(ValidateDetails)
        if details is None:
            self.report.note(f"run {run_id} recorded no certificate of what code made it")
            return
        if self._is_other_code(run_id, pipeline, details.certificate):
            self.report.note("the code has changed since some of these runs were made")
        if details.certificate.engine != engine_name():
            self.report.note(f"some of these runs were made by {details.certificate.engine}")

    def _is_other_code(self, run_id: str, pipeline: PipelineFile, certificate: Certificate) -> bool:
        """Whether a stage's notebook, or what it reaches, is not as it was: the gate's by the
        certificate, the others' by what the pipeline has noted of them.
        """
        library, recorded = ReachableCode(), self.history.fingerprints(run_id)
        for stage in pipeline.stages:
            code = library.of_notebook(in_project(pipeline.notebooks) / stage.notebook)
            if stage.name == VALIDATE and certificate.code_digest != code_digest(code):
                return True
            parts = recorded.get(stage.name, {}).items()
            before = {part: digest for part, digest in parts if part.startswith(CODE_PARTS)}
            if before and before != code:
                return True
        return False

    def _is_other_table(self, name: str) -> bool:
        try:
            published = self._rows(Lake(self.data), name)
            before = _digest(name, published)
        except StorageError as damaged:
            self.report.problems.append(str(damaged))
            return True
        rebuilt = self._rows(Lake(self.scratch), name)
        now = _digest(name, rebuilt)
        self.report.compared[name] = before
        if before != now:
            counts = [0 if rows is None else len(rows) for rows in (published, rebuilt)]
            self.report.problems.append(
                f"{name} differs: {counts[0]} rows published ({before[:12]}), "
                f"{counts[1]} rows rebuilt ({now[:12]})"
            )
        return before != now

    def _rows(self, lake: Lake, name: str) -> pa.Table | None:
        """The rows of a table after the run; of Bronze those that a run up to it has logged.

        A run that was killed may have left others.
        """
        run_id, reading = self.report.run_id, ["payload", "layout"]
        rows = lake.read_after(name, run_id) if lake.exists(name) else None
        if rows is None or name != BRONZE_BARS:
            return rows
        of_runs = ds.field("run_id") <= run_id
        logged = lake.read_or_empty(BRONZE_FETCHES, columns=reading, where=of_runs)
        return rows.join(logged.group_by(reading).aggregate([]), reading, join_type="left semi")

    def _is_other_file(self, name: str) -> bool:
        paths = (self.data / name, self.scratch / name)
        before, now = (path.read_bytes() if path.exists() else None for path in paths)
        self.report.compared[name] = "absent" if before is None else f"{len(before)} bytes"
        if before != now:
            self.report.problems.append(f"{name} differs from what the archive gives")
        return before != now


def _run_cells(notebook: Path, parameters: Mapping[str, str]) -> None:
    """The stage in this process; one that could not be told where to write is not run."""
    undeclared = {"run_id", "data_dir"} - declared_parameters(notebook).keys()
    if undeclared:
        raise StageError(
            f"{notebook.name} has no parameter {', '.join(sorted(undeclared))}",
            next_step="declare it in the notebook's parameters cell",
        )
    run_cells(code_cells(notebook), parameters)


def _digest(name: str, rows: pa.Table | None) -> str:
    if rows is None or not len(rows):
        return "no rows"
    schema = schema_of(name)
    return content_digest(rows.select(schema.names) if schema else rows, CATALOG[name].key)
