"""``config/pipeline.yaml``: the stages in order, and where things are kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from sentinel_lib.clock import DURATION
from sentinel_lib.records.roles import ROLE_OF, ROLES
from sentinel_lib.settings.document import Document, read_document
from sentinel_lib.settings.model import ConfigModel, matching
from sentinel_lib.settings.project import in_project
from sentinel_lib.settings.schedule import Schedule

FILE_NAME = "pipeline.yaml"

RESERVED = ("run", "request", "fingerprints")
"""What lies beside the records of stages in a run's folder."""

StageName = Annotated[
    str,
    matching(rf"(?!(?:{'|'.join(RESERVED)})$).*", f"must not be one of {', '.join(RESERVED)}"),
    matching(r"[a-z][a-z0-9_]*", "must be lower-case letters, digits and _, such as build_gold"),
]
Notebook = Annotated[
    str, matching(r"[\w.-]+\.ipynb", "must be the name of a notebook, such as 40_build_gold.ipynb")
]


class StageSpec(ConfigModel):
    """One notebook of the pipeline, as it is configured.

    ``reads`` and ``writes`` name tables and artifacts: lineage follows from them. A stage with
    ``when: always`` also runs after another has failed. ``retries`` is how often the notebook is
    run again if its source fails; the pause before that, ``retry_wait_seconds``, doubles each time.
    """

    name: StageName
    notebook: Notebook
    reads: list[str] = Field(default_factory=list)
    writes: list[str] = Field(default_factory=list)
    suite: Literal["bronze", "silver", "gold"] | None = None
    timeout_minutes: Annotated[float, Field(gt=0)] = 30.0
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    retry_wait_seconds: Annotated[float, Field(ge=0)] = 5.0
    when: Literal["previous_ok", "always"] = "previous_ok"


class EngineOptions(ConfigModel):
    """What the engine may take: beyond ``memory_limit`` its tables and sorts go to disk."""

    memory_limit: Annotated[
        str, matching(r"[1-9][0-9]*(MiB|GiB)", "must be a size such as 512MiB or 2GiB")
    ] = "2GiB"


KeptFor = Annotated[
    str, matching(DURATION.pattern, "must be a whole number and h, d or w, such as 12h, 30d or 4w")
]


class Retention(ConfigModel):
    """How long what runs leave is kept; null is for ever. Of ``logs`` and ``reports`` it counts
    when their runs began, of ``quarantine`` and ``versions`` their ``as_of``.

    Payloads, the log of fetches, and the records and configurations of runs are always kept: all
    tables can be built from them.
    """

    logs: KeptFor | None = None
    reports: KeptFor | None = None
    quarantine: KeptFor | None = None
    versions: KeptFor | None = None


class PipelineFile(ConfigModel):
    """The file as written. Folders are relative to the project's root.

    ``deadline_minutes`` is for all stages together, but for those that always run: they have
    their own time limit after it.
    """

    data: str = "data"
    reports: str = "reports"
    logs: str = "logs"
    notebooks: str = "notebooks"
    threads: Annotated[int, Field(ge=1, le=256)] | None = None
    engine: EngineOptions = EngineOptions()
    retention: Retention = Retention()
    deadline_minutes: Annotated[float, Field(gt=0)] | None = None
    schedule: Schedule | None = None
    stages: Annotated[list[StageSpec], Field(min_length=1)]


def load_pipeline(config: Path, shown: Path | None = None) -> PipelineFile:
    """``pipeline.yaml`` in the folder ``config``, which messages call ``shown`` if it is a copy of
    that. Raises ``ConfigError`` naming file and line.
    """
    document = read_document(config / FILE_NAME, (shown or config) / FILE_NAME)
    file = document.read_as(PipelineFile)
    first_at: dict[str, int] = {}
    for index, stage in enumerate(file.stages):
        place = ("stages", index, "name")
        if stage.name in first_at:
            problem = f"stage '{stage.name}' is already on line {first_at[stage.name]}"
            raise document.error(place, problem, next_step="give each stage a name of its own")
        first_at[stage.name] = document.line_of(place)
    _require_roles(document, file.stages)
    return file


def notebook_of(config: Path, stage: str) -> Path:
    """The notebook of a stage that is configured. Raises as ``load_pipeline`` does."""
    pipeline = load_pipeline(config)
    [notebook] = [spec.notebook for spec in pipeline.stages if spec.name == stage]
    return in_project(pipeline.notebooks) / notebook


def _require_roles(document: Document, stages: Sequence[StageSpec]) -> None:
    """Refuse another name, or another order, for the stages that write what others rely on.

    Verdicts, reconciliation and the records of runs know these stages by their names.
    """
    reached = 0
    for index, stage in enumerate(stages):
        roles = [ROLE_OF.get(table, stage.name) for table in stage.writes]
        for place, role in enumerate(roles):
            if role != stage.name:
                raise document.error(
                    ("stages", index, "writes", place),
                    f"only stage '{role}' may write {stage.writes[place]}",
                    next_step="give the stage that name, or let it write a table of its own",
                    observed=f"name: {stage.name}",
                    expected=f"name: {role}",
                )
        if not ROLE_OF.keys() & set(stage.writes):
            continue
        if (rank := ROLES.index(stage.name)) < reached:
            raise document.error(
                ("stages", index, "name"),
                f"stage '{stage.name}' must come before '{ROLES[reached]}'",
                next_step="put the stages into that order; others may stand anywhere",
                expected=", ".join(ROLES),
            )
        reached = rank
