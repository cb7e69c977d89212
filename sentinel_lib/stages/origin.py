"""How a notebook becomes a stage: of a run, or by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from sentinel_lib import ingestion, logger
from sentinel_lib.errors import (
    GateBlocked,
    SentinelError,
    SourceError,
    StageError,
    nearest,
)
from sentinel_lib.ingestion.files import stem
from sentinel_lib.records.roles import INGEST
from sentinel_lib.records.stage import StageRecord
from sentinel_lib.settings.assets import Asset, is_symbol, read_assets, recorded_assets, select
from sentinel_lib.settings.environment import load_environment
from sentinel_lib.settings.pipeline import Stage as StageSpec
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.secrets import Scrubber
from sentinel_lib.settings.sources import source_named
from sentinel_lib.stages.stage import BY_HAND, Stage
from sentinel_lib.storage import root
from sentinel_lib.storage.config_copy import config_copy
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.lock import enter_stage, require_whole
from sentinel_lib.storage.run_history import RunHistory


def open_stage(
    name: str, *, run_id: str, as_of: str, config_dir: str, data_dir: str, threads: int
) -> Stage:
    """The stage ``name`` of ``pipeline.yaml``.

    Without a ``run_id`` it is opened by hand: it continues the last run, or what earlier stages did
    by hand since, and writes to ``data/sandbox``. An empty ``as_of`` is then theirs, or up to
    ``ingest`` the present. A stage of a run reads the copy of ``config_dir`` that was kept when the
    run began.
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
    spec = {stage.name: stage for stage in pipeline.stages}.get(name)
    if spec is None:
        raise StageError(f"pipeline.yaml has no stage '{name}'{nearest(name, names)}")
    is_always = spec.when == "always"
    earlier = pipeline.stages[: names.index(name)]
    follows = "" if run_id else next(iter(history.run_ids()), "")
    tried = {} if run_id else _tried_by_hand(data, earlier, spec, follows)
    before = last = None
    if INGEST not in names[names.index(name) :]:
        last = _ingest_record(history, run_id, is_always=is_always)
        before = next(reversed(tried.values()), last)
        if before is None and not is_always:
            raise StageError(
                f"stage {name} continues a run, and its stage '{INGEST}' left no record",
                next_step="make run",
            )
    file, document = read_assets(config, shown)
    stage = Stage(
        name=name,
        run_id=run_id or BY_HAND,
        as_of=_as_of(as_of, before),
        config=config,
        data=data,
        threads=threads or pipeline.threads,
        input_run_id=run_id or (last.run_id if last else BY_HAND),
        start=date.fromisoformat(before.details["start"]) if before else file.start,
        layer=spec.suite,
        tried=tried,
        tried_tables=frozenset(
            table for one in earlier if one.name in tried for table in one.writes
        ),
        follows=follows,
    )
    if before is not None:
        stage.assets = recorded_assets(before.details["assets"])
        stage.selected = tuple(before.details["selected"])
    elif name != INGEST:
        stage.assets = file.resolve(document)
        stage.selected = tuple(stage.assets)
    _begin_log(stage, in_project(pipeline.logs))
    return stage


def choose_assets(
    stage: Stage, *, assets: str, source: str, input_path: str, archive: str
) -> dict[str, Asset]:
    """The assets of this run: all, the comma-separated ones, or those that ``input_path`` holds.

    A run from an archive is about the assets it was about then; a replay also about those that a
    former ``input_path`` held.
    """
    file, document = read_assets(stage.config)
    stage.archive = archive
    if archive and not stage.is_replay:
        recorded = stage.recorded_ingest().details
        stage.assets = recorded_assets(recorded["assets"])
        stage.selected = tuple(recorded["selected"])
        return stage.chosen
    chosen_source = source_named(source or ("files" if input_path else ""))
    options = {"path": in_project(input_path)} if input_path else {}
    stage.assets = file.resolve(document, chosen_source, options)
    if input_path:
        shared = file.sources.files.model_copy(update=options)
        parsed = ingestion.parse(ingestion.read_files(shared, stage.assets))
        unread = {one.symbol or stem(one.locator) for one in parsed.rejected}
        stage.assets = {
            symbol: stage.assets.get(symbol) or file.unlisted(symbol, "files", options)
            for symbol in sorted(filter(is_symbol, {*ingestion.symbols_in(parsed), *unread}))
        }
        if not stage.assets:
            raise _without_symbols(input_path, parsed)
    if stage.is_replay:
        stage.assets = {**_formerly_put_in(stage), **stage.assets}
    wanted = [symbol.strip() for symbol in assets.split(",") if symbol.strip()]
    stage.selected = tuple(select(stage.assets, wanted or stage.assets))
    return stage.chosen


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


def _without_symbols(input_path: str, parsed: ingestion.Parsed) -> SentinelError:
    if not len(parsed.bars):
        return SourceError(f"no file of {input_path} can be read: {parsed.rejected[0].reason}")
    return GateBlocked(
        f"no row of {input_path} has a symbol that an asset can have",
        observed=f"{len(parsed.bars)} rows without one",
        next_step="fill the symbol column, or name another by columns: {symbol: ...} "
        "in the options of the files source; a file without such a column is named after its asset",
    )


def _kept_config(history: RunHistory, run_id: str, config: Path, data: Path) -> Path:
    """The copy of ``config`` that the run keeps, made now if no pipeline has made it."""
    kept = history.config_of(run_id)
    if not kept.is_dir():
        with config_copy(config, data) as copy:
            history.keep_config(run_id, copy)
    return kept


def _formerly_put_in(stage: Stage) -> dict[str, Asset]:
    """The assets of the last run, some of which only its input may have named."""
    record = _ingest_record(stage.history, "", is_always=False)
    return recorded_assets(record.details["assets"]) if record else {}


def _tried_by_hand(
    data: Path, earlier: Sequence[StageSpec], spec: StageSpec, follows: str
) -> dict[str, StageRecord]:
    """What the ``earlier`` stages said by hand since the run ``follows``, in their order.

    Empty where none of them wrote what ``spec`` reads: then it reads what is published.
    """
    sandbox = RunHistory(Layout(data).sandbox)
    records = {one.name: sandbox.read_stage(BY_HAND, one.name) for one in earlier}
    tried = {
        name: record
        for name, record in records.items()
        if record is not None
        and record.status in ("ok", "degraded")
        and record.details.get("follows") == follows
    }
    feeds = any(one.name in tried and set(one.writes) & set(spec.reads) for one in earlier)
    return tried if feeds else {}


def _ingest_record(history: RunHistory, run_id: str, *, is_always: bool) -> StageRecord | None:
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
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    if before is not None:
        return before.as_of
    return datetime.now(UTC).replace(microsecond=0)
