"""The records of runs: one folder a run, one JSON a stage, and one for the run as a whole.

Nothing that is kept here shows a secret of the environment.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sentinel_lib.errors import ExitCode, StorageError, UsageError, nearest
from sentinel_lib.records.inspection import Inspection
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunRecord, StageRecord
from sentinel_lib.settings.secrets import load_scrubber
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.lock import writer

Fingerprint = dict[str, str]
"""What a stage depends on: the name of each part, and its digest or value."""

Record = TypeVar("Record", bound=BaseModel)


class RunHistory:
    """The runs under the data folder ``data``. A run's id sorts by when it started.

    Whatever reads or writes raises ``StorageError`` for a record that is damaged or another
    version's, or that cannot be written.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self.layout = Layout(data)

    def write_stage(self, record: StageRecord) -> None:
        """Keep what a stage says of itself."""
        _write(self.layout.record(record.run_id, record.stage), record.model_dump_json())

    def read_stage(self, run_id: str, stage: str) -> StageRecord | None:
        """What ``stage`` said in that run, or None where it has said nothing."""
        return _read(self.layout.record(run_id, stage), StageRecord)

    def forget_stage(self, run_id: str, stage: str) -> None:
        """Drop a record, so that one found afterwards was written by the execution that follows."""
        self.layout.record(run_id, stage).unlink(missing_ok=True)

    def carry_over(self, stage: str, from_run: str, to_run: str) -> None:
        """Let a run that skips ``stage`` go by what another said; the record keeps its author."""
        content = self.layout.record(from_run, stage).read_bytes()
        artifacts.replace(self.layout.record(to_run, stage), content)

    def write_request(self, request: RunRequest) -> None:
        """Keep what is asked of a run, before it begins."""
        _write(self.layout.request(request.run_id), request.model_dump_json())

    def request_of(self, run_id: str) -> RunRequest | None:
        """What was asked of a run, or None where that was not kept."""
        return _read(self.layout.request(run_id), RunRequest)

    def write_fingerprints(self, run_id: str, stages: Mapping[str, Fingerprint]) -> None:
        """Keep what each stage of a run went by, when the run has ended."""
        _write(self.layout.fingerprints(run_id), json.dumps(stages, sort_keys=True))

    def fingerprints(self, run_id: str) -> dict[str, Fingerprint]:
        """What the stages of a run went by; empty where that cannot be known."""
        try:
            return dict(json.loads(self.layout.fingerprints(run_id).read_bytes()))
        except (OSError, ValueError):  # then nothing is known to be unchanged, and all stages run
            return {}

    def write_run(self, record: RunRecord) -> None:
        """Keep the record of a whole run."""
        _write(self.layout.run_record(record.run_id), record.model_dump_json())

    def run_of(self, run_id: str) -> RunRecord | None:
        """The record of a run, or None where it has not ended."""
        return _read(self.layout.run_record(run_id), RunRecord)

    def write_inspection(self, inspection: Inspection) -> None:
        """Keep what the last look at every byte has found."""
        _write(self.layout.inspection, inspection.model_dump_json())

    def inspection(self) -> Inspection | None:
        """What the last look at every byte has found, or None where there was none."""
        return _read(self.layout.inspection, Inspection)

    def keep_config(self, run_id: str, copy: Path) -> None:
        """Make ``copy``, a folder of ``config_copy``, the configuration that the run goes by."""
        kept = self.layout.config_of(run_id)
        with artifacts.writing(kept):
            kept.parent.mkdir(parents=True, exist_ok=True)
            copy.rename(kept)

    def newest(self) -> Iterator[RunRecord]:
        """Finished runs one after the other, the newest first, each read when it is asked for."""
        return (record for record in map(self.run_of, self.run_ids()) if record is not None)

    def run_ids(self) -> list[str]:
        """The ids of all runs, finished or not, the newest first."""
        runs = self.layout.runs
        folders = runs.iterdir() if runs.is_dir() else ()
        return sorted((path.name for path in folders if path.is_dir()), reverse=True)

    def known(self, run_id: str | None) -> str:
        """``run_id`` if there is such a run (an unambiguous beginning will do); None: the last one.

        Raises ``UsageError``, which lists what there is, if there is none or more than one.
        """
        ids = self.run_ids()
        if not ids:
            raise UsageError(
                f"there is no run in {self.data} yet", next_step="python run_pipeline.py run"
            )
        if run_id is None or run_id in ids:
            return run_id or ids[0]
        matches = [known for known in ids if known.startswith(run_id)]
        if len(matches) == 1:
            return matches[0]
        problem = "is the beginning of more than one run" if matches else "is not a run"
        raise UsageError(
            f"'{run_id}' {problem} of {self.data}{'' if matches else nearest(run_id, ids)}",
            expected=f"one of {', '.join((matches or ids)[:5])}",
            next_step="python run_pipeline.py history",
        )

    def runs(self) -> Iterator[RunRecord]:
        """Every run, ended or not, the newest first, each read when it is asked for."""
        run_ids = self.run_ids()
        owner = writer(self.data)  # after the list: what begins between the two is not in it
        for run_id in run_ids:
            is_running = owner is not None and owner.run_id == run_id
            yield self.run_of(run_id) or self._without_end(run_id, is_running=is_running)

    def _without_end(self, run_id: str, *, is_running: bool) -> RunRecord:
        """A record for a run that has none: it ends with its last sign, and has no assets."""
        request = self.request_of(run_id)
        files = [path.stat().st_mtime for path in self.layout.run(run_id).glob("*")]
        last_sign = datetime.fromtimestamp(max(files, default=0.0), UTC)
        started = began(run_id) or last_sign
        return RunRecord(
            run_id=run_id,
            kind=request.kind if request else "run",
            as_of=(request and request.as_of) or started,
            started_at_utc=started,
            finished_at_utc=max(started, last_sign),
            status="running" if is_running else "killed",
            exit_code=ExitCode.OK if is_running else ExitCode.UNEXPECTED,
            command=request.command if request else "",
        )

    def undone(self) -> frozenset[str]:
        """The runs that are not ``standing``: a rollback has restored what was before them."""
        standing, runs = self._standing()
        return frozenset(runs).difference(standing)

    def standing(self, after: str | None = None) -> list[str]:
        """The runs on which the published state rests, the newest first; rollbacks are none.

        ``after`` gives those of when that run had ended. A run rests on those before it, a rollback
        on the run that it restored and those before that one: restoring a run that was undone makes
        it stand again, and what it rested on.
        """
        return self._standing(after)[0]

    def _standing(self, after: str | None = None) -> tuple[list[str], Iterable[str]]:
        """The runs that stand (when ``after`` had ended, or now), and all but rollbacks."""
        before: dict[str, str] = {}  # the run that each run came after
        newest_after: dict[str, str] = {}  # the newest that stood when each had ended
        newest = ""
        for run_id in sorted(self.run_ids()):
            if restored := self.restored_by(run_id):
                newest = newest_after.get(restored, "")
            else:
                before[run_id], newest = newest, run_id
            newest_after[run_id] = newest
        standing, run_id = [], newest if after is None else newest_after.get(after, "")
        while run_id:
            standing.append(run_id)
            run_id = before[run_id]
        return standing, before

    def restored_by(self, run_id: str) -> str:
        """The run that ``run_id`` restored, or nothing. Only rollbacks are parsed."""
        path = self.layout.run_record(run_id)
        if self.layout.request(run_id).exists() or not path.exists():
            return ""
        record = self.run_of(run_id) if b'"rollback"' in path.read_bytes() else None
        return record.restored if record else ""


def began(run_id: str) -> datetime | None:
    """When a run began, which its id tells to the second; None for an id that is not ours."""
    try:
        return datetime.strptime(run_id[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _write(path: Path, content: str) -> None:
    """Write JSON without secrets, for people to read. Text by text, as scrubbing the whole of it
    could take away the sign that ends a text.
    """
    tree: Any = load_scrubber().scrub_tree(json.loads(content))
    artifacts.replace(path, json.dumps(tree, indent=2, ensure_ascii=False).encode())


def _read(path: Path, model: type[Record]) -> Record | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as unreadable:
        raise StorageError(
            f"{path} is not a record that this version can read: {unreadable}",
            next_step=f"restore {path} from a backup, or move it away and run again",
        ) from unreadable
