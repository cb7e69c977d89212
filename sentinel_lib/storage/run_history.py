"""The records of runs: one folder a run, one JSON a stage, and one for the run as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from sentinel_lib.errors import StorageError
from sentinel_lib.records.stage import RunRecord, StageRecord
from sentinel_lib.storage import artifacts

RUN_FILE = "run.json"

Record = TypeVar("Record", StageRecord, RunRecord)


class RunHistory:
    """The runs under the data folder ``data``. A run's id sorts by when it started."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "ops" / "runs"

    def write_stage(self, record: StageRecord) -> Path:
        """Keep what a stage says of itself."""
        path = self._stage_path(record.run_id, record.stage)
        artifacts.replace(path, record.model_dump_json(indent=2).encode())
        return path

    def read_stage(self, run_id: str, stage: str) -> StageRecord | None:
        """What ``stage`` said in that run, or None where it has said nothing."""
        path = self._stage_path(run_id, stage)
        return _read(path, StageRecord) if path.exists() else None

    def forget_stage(self, run_id: str, stage: str) -> None:
        """Drop a record, so that one found afterwards was written by the execution that follows."""
        self._stage_path(run_id, stage).unlink(missing_ok=True)

    def write_run(self, record: RunRecord) -> Path:
        """Keep the record of a whole run."""
        path = self.folder / record.run_id / RUN_FILE
        artifacts.replace(path, record.model_dump_json(indent=2).encode())
        return path

    def keep_config(self, run_id: str, config: Path) -> None:
        """Keep a copy of the configuration that a run goes by."""
        for path in sorted(config.rglob("*.yaml")):
            kept = self.config_of(run_id) / path.relative_to(config)
            artifacts.replace(kept, path.read_bytes())

    def config_of(self, run_id: str) -> Path:
        """The folder of the configuration that a run went by."""
        return self.folder / run_id / "config"

    def runs(self) -> list[RunRecord]:
        """Every finished run, the newest first."""
        paths = sorted(self.folder.glob(f"*/{RUN_FILE}"), reverse=True)
        return [_read(path, RunRecord) for path in paths]

    def run_ids(self) -> list[str]:
        """The ids of all runs, finished or not, the newest first."""
        if not self.folder.is_dir():
            return []
        return sorted((path.name for path in self.folder.iterdir() if path.is_dir()), reverse=True)

    def _stage_path(self, run_id: str, stage: str) -> Path:
        return self.folder / run_id / f"{stage}.json"


def _read(path: Path, model: type[Record]) -> Record:
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as unreadable:
        raise StorageError(
            f"{path} is not a record that this version can read: {unreadable}",
            next_step=f"move {path.parent} away and run again",
        ) from unreadable
