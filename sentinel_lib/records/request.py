"""What is asked of a run: its options, which `resume` asks again, and what its stages hear."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, PlainSerializer, model_validator

FailOn = Literal["error", "warn", "never"]

REPLAYED = "quarantine"
"""What a replay takes in place of the sources: the payloads that have quarantined rows."""

_THIS_COMMAND: Any = Field(exclude=True)


def _path_text(path: Path | None) -> str:
    return str(path or "")


class RunRequest(BaseModel, frozen=True, extra="forbid"):
    """The options of a run. None and empty mean: as the configuration says.

    What is kept with a run is what ``resume`` asks again; the fields of ``_THIS_COMMAND`` say how
    this one command goes about it. An ``as_of`` more than a day ahead of the clock needs
    ``future``. ``fail_on`` is the freshness that fails a run: ``error`` a stale asset, ``warn``
    also a late one. ``from_stage`` and ``only_stage`` name where to begin, or all that is to run,
    whether or not anything changed; earlier stages go by their last record, or by that of the run
    ``resumed``. ``wait_seconds`` is how long to wait for another run: infinity for as long as it
    takes.
    """

    run_id: str = ""
    kind: Literal["run", "replay"] = "run"
    as_of: datetime | None = None
    command: str = ""
    assets: tuple[str, ...] = ()
    source: str = ""
    input_path: Annotated[
        Path | None, AfterValidator(Path.absolute), PlainSerializer(_path_text)
    ] = None
    threads: int | None = None
    fail_on: FailOn = "error"

    config: Annotated[Path, _THIS_COMMAND] = Path("config")
    data: Annotated[Path | None, _THIS_COMMAND] = None
    reports: Annotated[Path | None, _THIS_COMMAND] = None
    future: Annotated[bool, _THIS_COMMAND] = False
    force: Annotated[bool, _THIS_COMMAND] = False
    from_stage: Annotated[str, _THIS_COMMAND] = ""
    only_stage: Annotated[str, _THIS_COMMAND] = ""
    resumed: Annotated[str, _THIS_COMMAND] = ""
    fork: Annotated[bool, _THIS_COMMAND] = True
    wait_seconds: Annotated[float, _THIS_COMMAND] = 0.0
    verbose: Annotated[bool, _THIS_COMMAND] = False

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """None and "" are how argparse, and the records of release 0.2.0, say nothing."""
        return {name: value for name, value in given.items() if value not in (None, "")}

    @classmethod
    def of(cls, options: argparse.Namespace, command: str = "") -> RunRequest:
        """What a command line asks; options that are not of a run are passed over."""
        given = {name: value for name, value in vars(options).items() if name in cls.model_fields}
        return cls.model_validate(given | {"command": command})

    def again(self, this: RunRequest, from_stage: str) -> RunRequest:
        """The same, asked again by the command ``this``, from the stage ``from_stage`` on."""
        anew = {name: getattr(this, name) for name in _OF_THIS_COMMAND}
        anew |= {"run_id": "", "command": this.command, "resumed": self.run_id}
        return self.model_copy(update=anew | {"from_stage": from_stage, "future": True})

    def heard(self) -> dict[str, tuple[str | int, str]]:
        """Per parameter of notebooks its value, and the flag if that was given."""
        values: dict[str, tuple[str | int, str]] = {
            "archive": (REPLAYED if self.kind == "replay" else "", "replay"),
            "assets": (",".join(self.assets), "--assets"),
            "source": (self.source, "--source"),
            "input_path": (_path_text(self.input_path), "--input"),
            "threads": (self.threads or "", "--threads"),
        }
        return {name: (value, flag if value else "") for name, (value, flag) in values.items()}


_OF_THIS_COMMAND = [name for name, field in RunRequest.model_fields.items() if field.exclude]
