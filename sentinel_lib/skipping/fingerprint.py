"""The fingerprint of a stage: everything its result depends on, part by part.

The same fingerprint as when it last ran means that running it again would change nothing.
"""

import hashlib
import platform
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from sentinel_lib.clock import iso
from sentinel_lib.errors import SourceError
from sentinel_lib.planning.plan import Plan, StagePlan
from sentinel_lib.reachable_code import ReachableCode
from sentinel_lib.records.stage import StageRecord
from sentinel_lib.settings.input_files import files_at
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.settings.sources import FilesOptions
from sentinel_lib.storage.layout import table_version
from sentinel_lib.storage.run_history import Fingerprint

_DIGEST_LENGTH = 2 * hashlib.sha256().digest_size

_OF_EVERY_RUN = {"run_id", "as_of", "config_dir", "data_dir", "threads"}
"""Parameters that are about where and when, and change no result."""


def of_stage(planned: StagePlan, plan: Plan, code: ReachableCode, clock: str) -> Fingerprint:
    """What ``planned`` depends on, but for the tables and files that the run itself changes.

    ``clock`` stands for ``as_of``: two runs between which nothing new is due share one.
    """
    stage = planned.stage
    parts = {
        "clock": iso(plan.as_of) if stage.when == "always" else clock,
        "python": platform.python_version(),
        "dependencies": _file_digest(PROJECT_ROOT / "requirements.lock"),
        "config:assets.yaml": plan.terms["assets"],
    }
    if stage.suite:
        parts[f"config:expectations/{stage.suite}.yaml"] = plan.terms[stage.suite]
    if "sources" in stage.reads:
        parts |= {f"input:{file}": _file_digest(file) for file in _inputs(plan)}
    heard = {name: planned.parameters[name] for name in planned.parameters.keys() - _OF_EVERY_RUN}
    parts |= {f"parameter:{name}": str(value) for name, value in heard.items()}
    return parts | code.of_notebook(planned.notebook)


def of_state(planned: StagePlan, data: Path, record: StageRecord | None) -> Fingerprint:
    """The versions of the tables that the stage reads or writes, and the files it has left."""
    names = [*planned.stage.reads, *planned.stage.writes]
    versions = {name: table_version(data, name) for name in names}
    tables = {f"table:{name}": str(at) for name, at in versions.items() if at is not None}
    artifacts = record.artifacts.values() if record else ()
    return tables | {f"file:{path}": _file_digest(data / path) for path in artifacts}


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The parts that differ, in words: ``library sentinel_lib.calendars changed``."""
    return [
        _in_words(name, before.get(name), now.get(name))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def _in_words(name: str, before: str | None, now: str | None) -> str:
    part = name.replace(":", " ", 1).strip()
    if before is None or now is None:
        return f"{part} is {'new' if before is None else 'gone'}"
    if len(before) == len(now) == _DIGEST_LENGTH:
        return f"{part} changed"
    return f"{part} changed from {before or 'nothing'} to {now or 'nothing'}"


def _inputs(plan: Plan) -> Iterator[Path]:
    """The files of the files source; an API has none."""
    options = (asset.options for asset in plan.assets.values())
    paths = {files.path for files in options if isinstance(files, FilesOptions)}
    for path in sorted({plan.request.input_path} if plan.request.input_path else paths):
        with suppress(SourceError):  # the stage says what is missing
            yield from files_at(path)


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # as good as absent: what needs the file says so
        return "absent"
