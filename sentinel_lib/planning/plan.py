"""The plan of a run: everything that is decided, and can be refused, before anything is created."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sentinel_lib.clock import iso, require_not_before
from sentinel_lib.errors import ConfigError, UsageError, nearest
from sentinel_lib.notebook_runner.code_cells import Parameter, declared_parameters
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.roles import PUBLISHING
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.rules.suites import LAYERS, load_suite
from sentinel_lib.settings.assets import Asset, read_assets, select
from sentinel_lib.settings.pipeline import Retention, StageSpec, load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.sources import source_named
from sentinel_lib.storage import root
from sentinel_lib.storage.run_history import RunHistory

Value = str | int

_REQUIRED = ("run_id", "as_of", "config_dir", "data_dir")
_FITTING = {str: {"str"}, int: {"int", "float"}}

_AHEAD = timedelta(days=1)
"""How far the clocks of those who name an ``as_of`` may be ahead of this one."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a run reads and writes: absolute paths."""

    data: Path
    reports: Path
    logs: Path
    notebooks: Path


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage to run: its notebook and the values for its parameters."""

    stage: StageSpec
    notebook: Path
    parameters: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that may begin. ``symbols`` are its assets, but for those that ``--input`` brings.

    ``request`` is what was asked, with the run's own id and ``as_of`` filled in. ``config`` is the
    folder that was read, a copy where the plan is that of a run. ``terms`` are digests of what it
    says: of the assets, and of each suite.
    """

    request: RunRequest
    run_id: str
    started_at: datetime
    as_of: datetime
    config: Path
    folders: Folders
    stages: tuple[StagePlan, ...]
    assets: Mapping[str, Asset]
    symbols: tuple[str, ...]
    terms: Mapping[str, str]
    deadline_seconds: float | None
    retention: Retention

    @property
    def log_file(self) -> Path:
        """Where everything about the run is logged."""
        return self.folders.logs / f"{self.run_id}.jsonl"

    @property
    def report_folder(self) -> Path:
        """Where its executed notebooks and its report are."""
        return self.folders.reports / self.run_id


def make(request: RunRequest, started_at: datetime, copy: Path | None = None) -> Plan:
    """Read the whole configuration and every notebook's parameters; create nothing.

    ``copy`` is a copy of the configuration, to read in place of the folder that ``request`` names.
    Raises ``ConfigError`` or ``UsageError`` for whatever cannot be run, and ``StorageError`` for
    data or records that cannot be read.
    """
    config = in_project(request.config).resolve()
    read = copy or config
    pipeline = load_pipeline(read, config)
    file, document = read_assets(read, config)
    read_in_place = {"path": request.input_path} if request.input_path else None
    assets = file.resolve(document, source_named(request.source), read_in_place)
    terms = {layer: load_suite(read, layer, config).digest for layer in LAYERS}
    folders = Folders(
        data=in_project(request.data or pipeline.data),
        reports=in_project(request.reports or pipeline.reports),
        logs=in_project(pipeline.logs),
        notebooks=in_project(pipeline.notebooks),
    )
    root.require_current(folders.data)
    published = last_published(RunHistory(folders.data).newest())
    default_as_of = published if request.kind == "replay" else None
    as_of = (request.as_of or default_as_of or started_at).astimezone(UTC).replace(microsecond=0)
    require_not_before(as_of, published)
    if not request.future:
        _refuse_the_future(as_of, started_at)
    run_id = new_run_id(started_at)
    offered: dict[str, Value] = {
        "run_id": run_id,
        "as_of": iso(as_of),
        "config_dir": str(config),
        "data_dir": str(folders.data),
        **{name: value for name, (value, _) in request.heard().items()},
        "threads": request.threads or pipeline.threads or 0,
    }
    for flag, name in (("--from", request.from_stage), ("--only", request.only_stage)):
        if name:
            require_stage(name, pipeline.stages, flag)
    return Plan(
        request=request.model_copy(update={"run_id": run_id, "as_of": as_of}),
        run_id=run_id,
        started_at=started_at,
        as_of=as_of,
        config=read,
        folders=folders,
        stages=_stages(pipeline.stages, folders.notebooks, offered, request),
        assets=assets,
        symbols=() if request.input_path else tuple(select(assets, request.assets or assets)),
        terms={"assets": file.digest, **terms},
        deadline_seconds=pipeline.deadline_minutes and pipeline.deadline_minutes * 60,
        retention=pipeline.retention,
    )


def new_run_id(started_at: datetime) -> str:
    """An id for a run. Ids sort by when runs started, to the millisecond."""
    milliseconds = started_at.microsecond // 1000
    return f"{started_at:%Y%m%dT%H%M%S}.{milliseconds:03}Z-{secrets.token_hex(2)}"


def last_published(newest: Iterable[RunRecord]) -> datetime | None:
    """The ``as_of`` of what readers see: of the last run that changed it, or None.

    ``newest`` are the runs, the newest first. A rollback has the ``as_of`` of what it restored.
    """
    for run in newest:
        changed = [stage for stage in run.stages if stage.was_executed and stage.is_good]
        if run.kind == "rollback" or any(stage.name in PUBLISHING for stage in changed):
            return run.as_of
    return None


def require_stage(name: str, stages: Iterable[StageSpec], flag: str) -> None:
    """Raise ``UsageError`` about ``flag`` if there is no stage of that name."""
    names = [stage.name for stage in stages]
    if name not in names:
        raise UsageError(
            f"{flag} names '{name}', which is not a stage{nearest(name, names)}",
            expected=f"one of {', '.join(names)}",
            next_step=f"correct {flag}, or add the stage to pipeline.yaml",
        )


def _stages(
    stages: Sequence[StageSpec], notebooks: Path, offered: dict[str, Value], request: RunRequest
) -> tuple[StagePlan, ...]:
    declared = {stage.name: declared_parameters(notebooks / stage.notebook) for stage in stages}
    known = {name for parameters in declared.values() for name in parameters}
    for name, (_, flag) in request.heard().items():
        if flag and name not in known:
            raise UsageError(
                f"{flag} was given, but no notebook has a parameter '{name}'",
                observed=f"parameters: {', '.join(sorted(known))}",
                next_step=f"declare {name} in the notebook that should use it, or leave it out",
            )
    return tuple(
        StagePlan(stage, notebook, _injected(notebook, declared[stage.name], offered))
        for stage in stages
        for notebook in [notebooks / stage.notebook]
    )


def _injected(
    notebook: Path, declared: Mapping[str, Parameter], offered: Mapping[str, Value]
) -> dict[str, Value]:
    """The part of ``offered`` that ``notebook`` declares, which fits and lacks nothing."""
    listing = ", ".join(f"{name}: {type(value).__name__}" for name, value in offered.items())
    for name in _REQUIRED:
        if name not in declared:
            raise ConfigError(
                f"{notebook}: the parameters cell lacks '{name}'{nearest(name, declared)}",
                observed=", ".join(declared) or "no parameters",
                expected=listing,
                next_step=f'write a line such as {name}: str = "..." into that cell',
            )
    injected = {name: value for name, value in offered.items() if name in declared}
    for name, value in injected.items():
        annotation = declared[name].type
        if _FITTING[type(value)].isdisjoint(map(str.strip, annotation.split("|"))):
            raise ConfigError(
                f"{notebook}: parameter '{name}' has another type than its value",
                observed=f"{name}: {annotation}" if annotation else "no type",
                expected=listing,
                next_step="correct the type in its parameters cell",
            )
    return injected


def _refuse_the_future(as_of: datetime, started_at: datetime) -> None:
    if as_of - started_at > _AHEAD:
        raise UsageError(
            f"--as-of {iso(as_of)} lies ahead of the clock: no run could follow before then",
            observed=f"the clock at {iso(started_at)}",
            expected=f"{iso(started_at + _AHEAD)} or earlier",
            next_step="correct --as-of or the clock; if it is meant, add --future "
            "(python run_pipeline.py rollback RUN takes it back)",
        )
