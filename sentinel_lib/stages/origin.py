"""How a notebook becomes a stage: of a run, or by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sentinel_lib import logger
from sentinel_lib.clock import parse_as_of
from sentinel_lib.errors import StageError, listed, nearest
from sentinel_lib.records.details import StageDetails
from sentinel_lib.records.roles import INGEST
from sentinel_lib.records.stage import StageRecord
from sentinel_lib.settings.assets import read_assets, recorded_assets
from sentinel_lib.settings.environment import load_environment
from sentinel_lib.settings.pipeline import PipelineFile, StageSpec, load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.secrets import Scrubber
from sentinel_lib.stages.stage import BY_HAND, Stage
from sentinel_lib.storage import root
from sentinel_lib.storage.config_copy import config_copy
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.lock import enter_stage, require_whole
from sentinel_lib.storage.run_history import RunHistory


def open_stage(
    name: str, run_id: str, as_of: str, config_dir: str, data_dir: str, threads: int
) -> Stage:
    """The stage ``name`` of ``pipeline.yaml``.

    Without a ``run_id`` it is opened by hand: it continues the last run, or what earlier stages did
    by hand since, and writes to ``data/sandbox``. An empty ``as_of`` is then theirs, or up to
    ``ingest`` the present. A stage of a run reads the copy of ``config_dir`` that the run keeps.

    Raises ``StageError`` for a stage that is not there or has nothing to continue, ``ConfigError``
    for a configuration that cannot be read, ``StorageError`` for a data folder of another release
    or in use.
    """
    shown, data = in_project(config_dir), in_project(data_dir)
    history = RunHistory(data)
    root.require_current(data)
    if run_id:
        enter_stage(data, run_id=run_id, stage=name, now=lambda: datetime.now(UTC))
        root.begin(data)
    else:
        require_whole(data)
    config = _kept_config(history, run_id, shown, data) if run_id else shown
    pipeline = load_pipeline(config, shown)
    names = [stage.name for stage in pipeline.stages]
    spec = _listed(name, pipeline)
    is_always = spec.when == "always"
    earlier = pipeline.stages[: names.index(name)]
    follows = "" if run_id else next(iter(history.run_ids()), "")
    tried = {} if run_id else _tried_by_hand(data, earlier, spec, follows)
    before = last = None
    if INGEST not in names[names.index(name) :]:
        last = ingest_record(history, run_id, is_always=is_always)
        before = next(reversed(tried.values()), last)
        if before is None and not is_always:
            raise StageError(
                f"stage {name} continues a run, and its stage '{INGEST}' left no record",
                next_step="run the pipeline, or the first notebook, before this one",
            )
    in_effect = details_in_effect(before) if before else None
    written = [table for stage in earlier if stage.name in tried for table in stage.writes]
    file, document = read_assets(config, shown)
    stage = Stage(
        name=name,
        run_id=run_id or BY_HAND,
        as_of=_as_of(as_of, before),
        config=config,
        data=data,
        threads=threads or pipeline.threads,
        input_run_id=run_id or (last.run_id if last else BY_HAND),
        start=in_effect.start if in_effect else file.start,
        layer=spec.suite,
        memory_limit=pipeline.engine.memory_limit,
        tried=tried,
        tried_tables=frozenset(written),
        follows=follows,
    )
    if in_effect is not None:
        stage.assets, stage.selected = recorded_assets(in_effect.assets), in_effect.selected
    elif name != INGEST:
        stage.assets = file.resolve(document)
        stage.selected = tuple(stage.assets)
    _begin_log(stage, in_project(pipeline.logs))
    return stage


def _listed(name: str, pipeline: PipelineFile) -> StageSpec:
    stages = {stage.name: stage for stage in pipeline.stages}
    if name not in stages:
        raise StageError(
            f"pipeline.yaml has no stage '{name}'{nearest(name, stages)}",
            expected=f"one of {listed(stages, at_most=10)}",
            next_step="list the stage there, or open one that is listed",
        )
    return stages[name]


def recorded_ingest(stage: Stage) -> StageRecord:
    """What ingest recorded when the run of ``stage`` was first made, where the archive is.

    Raises ``StageError`` if that record is gone.
    """
    record = RunHistory(stage.archive_folder).read_stage(stage.run_id, stage.name)
    if record is None:
        raise StageError(
            f"run {stage.run_id} left no record of {stage.name} in {stage.archive}",
            next_step="restore ops/runs of that folder from a backup",
        )
    return record


def _begin_log(stage: Stage, logs: Path) -> None:
    """Log to the file of the run, and without secrets; by hand there is none."""
    environment = load_environment()
    logger.configure(
        None if stage.is_by_hand else logs / f"{stage.run_id}.jsonl",
        level=environment.log_level,
        terminal=False,
        scrub=Scrubber(environment).scrub_tree,
    )
    logger.bind(run_id=stage.run_id, stage=stage.name)


def _kept_config(history: RunHistory, run_id: str, config: Path, data: Path) -> Path:
    """The copy of ``config`` that the run keeps, made now if no pipeline has made it."""
    kept = history.layout.config_of(run_id)
    if not kept.is_dir():
        with config_copy(config, data) as copy:
            history.keep_config(run_id, copy)
    return kept


def details_in_effect(record: StageRecord) -> StageDetails:
    """What the stage of ``record`` went by. Raises ``StageError`` if it does not say that."""
    details = record.handed_on(StageDetails)
    if details is None:
        raise StageError(
            f"the record of stage '{record.stage}' in run {record.run_id} names no assets",
            observed=f"fields: {', '.join(record.details.model_dump()) or 'none'}",
            expected=", ".join(StageDetails.model_fields),
            next_step="restore the last cell of that stage's notebook, and run it again",
        )
    return details


def _tried_by_hand(
    data: Path, earlier: Sequence[StageSpec], spec: StageSpec, follows: str
) -> dict[str, StageRecord]:
    """What the ``earlier`` stages said by hand since the run ``follows``, in their order.

    Empty where none of them wrote what ``spec`` reads: then it reads what is published.
    """
    sandbox = RunHistory(Layout(data).sandbox)
    records = {stage.name: sandbox.read_stage(BY_HAND, stage.name) for stage in earlier}
    tried = {
        name: record
        for name, record in records.items()
        if record is not None
        and record.status in ("ok", "degraded")
        and (details := record.handed_on(StageDetails)) is not None
        and details.follows == follows
    }
    feeds = any(stage.name in tried and set(stage.writes) & set(spec.reads) for stage in earlier)
    return tried if feeds else {}


def ingest_record(history: RunHistory, run_id: str, *, is_always: bool) -> StageRecord | None:
    """The record of ingest: of this run, or by hand of the last run that has one.

    A stage that always runs goes by the last run that got beyond it, if this one did not.
    """
    if run_id and not is_always:
        return history.read_stage(run_id, INGEST)
    for candidate in [run_id] * bool(run_id) + history.run_ids():
        record = history.read_stage(candidate, INGEST)
        if record is not None and record.status != "blocked":
            return record
    return history.read_stage(run_id, INGEST) if run_id else None


def _as_of(text: str, before: StageRecord | None) -> datetime:
    if text:
        return parse_as_of(text)
    if before is not None:
        return before.as_of
    return datetime.now(UTC).replace(microsecond=0)
