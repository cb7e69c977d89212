"""``config/pipeline.yaml``: the stages in order, and where things are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sentinel_lib.records.roles import ROLE_OF, ROLES
from sentinel_lib.settings.document import Document, read_document
from sentinel_lib.settings.model import ConfigModel
from sentinel_lib.settings.schedule import Schedule

FILE_NAME = "pipeline.yaml"


RESERVED = ("run", "request", "fingerprints")
"""What lies beside the records of stages in a run's folder."""


def _stage_name(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"must not be one of {', '.join(RESERVED)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError("must be lower-case letters, digits and _, such as build_gold")
    return name


def _notebook(name: str) -> str:
    if not re.fullmatch(r"[\w.-]+\.ipynb", name):
        raise ValueError("must be the name of a notebook, such as 40_build_gold.ipynb")
    return name


class Stage(ConfigModel):
    """One notebook of the pipeline.

    ``reads`` and ``writes`` name tables and artifacts: lineage follows from them. A stage with
    ``when: always`` also runs after another has failed. ``retries`` is how often the notebook is
    run again if its source fails; the pause before that, ``retry_wait_seconds``, doubles each time.
    """

    name: Annotated[str, AfterValidator(_stage_name)]
    notebook: Annotated[str, AfterValidator(_notebook)]
    reads: list[str] = Field(default_factory=list)
    writes: list[str] = Field(default_factory=list)
    suite: Literal["bronze", "silver", "gold"] | None = None
    timeout_minutes: Annotated[float, Field(gt=0)] = 30.0
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    retry_wait_seconds: Annotated[float, Field(ge=0)] = 5.0
    when: Literal["previous_ok", "always"] = "previous_ok"


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
    deadline_minutes: Annotated[float, Field(gt=0)] | None = None
    schedule: Schedule | None = None
    stages: Annotated[list[Stage], Field(min_length=1)]


def load_pipeline(config: Path, shown: Path | None = None) -> PipelineFile:
    """``pipeline.yaml`` in the folder ``config``; raises ``ConfigError`` naming file and line.

    ``shown`` is the folder that messages name, if ``config`` is a copy of it.
    """
    document = read_document(config / FILE_NAME, (shown or config) / FILE_NAME)
    file = document.read_as(PipelineFile)
    first_at: dict[str, int] = {}
    for index, stage in enumerate(file.stages):
        here = ("stages", index, "name")
        if stage.name in first_at:
            line = document.line_of(("stages", first_at[stage.name], "name"))
            raise document.error(here, f"stage '{stage.name}' is already on line {line}")
        first_at[stage.name] = index
    _require_roles(document, file.stages)
    return file


def _require_roles(document: Document, stages: Sequence[Stage]) -> None:
    """Refuse another name, or another order, for the stages that write what others rely on.

    Verdicts, reconciliation and the records of runs know these stages by their names.
    """
    reached = 0
    for index, stage in enumerate(stages):
        for place, table in enumerate(stage.writes):
            role = ROLE_OF.get(table, stage.name)
            if role != stage.name:
                raise document.error(
                    ("stages", index, "writes", place),
                    f"only stage '{role}' may write {table}",
                    observed=f"name: {stage.name}",
                    expected=f"name: {role}",
                    next_step="give the stage that name, or let it write a table of its own",
                )
        if not any(table in ROLE_OF for table in stage.writes):
            continue
        if (rank := ROLES.index(stage.name)) < reached:
            raise document.error(
                ("stages", index, "name"),
                f"stage '{stage.name}' must come before '{ROLES[reached]}'",
                expected=", ".join(ROLES),
                next_step="put the stages into that order; others may stand anywhere",
            )
        reached = rank
