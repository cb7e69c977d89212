"""What is asked of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sentinel_lib.records.stage import RunKind
from sentinel_lib.settings.sources import SourceName

FailOn = Literal["error", "warn", "never"]


@dataclass(frozen=True)
class RunOptions:
    """The command line of a run. None and empty mean: as the configuration says.

    ``fail_on`` is the freshness that fails a run: ``error`` a stale asset, ``warn`` also a late
    one. ``wait_seconds`` is how long to wait for another run to end: 0 not at all, infinity as
    long as it takes. ``command`` is kept with the run; it is what a reader types to have the same
    again. A replay, as ``kind``, takes the payloads with refused rows in place of the sources.

    An ``as_of`` that lies more than a day ahead of the clock must be meant: ``future`` says so.

    ``from_stage`` and ``only_stage`` name where to begin, or all that is to run, whether or not
    anything changed; what stands before goes by what was last said of it, or in run ``resumed``.
    """

    config: Path = Path("config")
    data: Path | None = None
    reports: Path | None = None
    as_of: datetime | None = None
    future: bool = False
    assets: tuple[str, ...] = ()
    source: SourceName | None = None
    input_path: Path | None = None
    threads: int | None = None
    fail_on: FailOn = "error"
    force: bool = False
    from_stage: str = ""
    only_stage: str = ""
    resumed: str = ""
    fork: bool = True
    wait_seconds: float = 0.0
    verbose: bool = False
    command: str = ""
    kind: RunKind = "run"
