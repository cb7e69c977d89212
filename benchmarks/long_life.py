"""Years of daily runs in one root: what a run costs as they add up, and what they leave.

``python benchmarks/long_life.py [--seeded N] [--runs N] [--show N] [--folder DIR]``. The first runs
are seeded: their notebooks are run in this process, on the shipped assets, without kernels and
pages. The others are whole runs in a process that stays, as ``serve`` makes them, by a clock of
their own. A line of the table is ``--show`` of those: medians, and what is there after them. Then
the last run is verified, and verified again a day later.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import yaml
from measurement import HERE

from sentinel_lib.notebook_runner.code_cells import code_cells, run_cells
from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.pipeline.run import run
from sentinel_lib.planning.plan import new_run_id
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunRecord, StageOutcome
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.storage.layout import table_names
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Lake

FIRST = datetime(2024, 1, 2, 23, tzinfo=UTC)
LAST_SECONDS = 30


def main() -> int:
    """Seed, run, verify."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeded", type=int, default=850)
    parser.add_argument("--runs", type=int, default=150)
    parser.add_argument("--show", type=int, default=25, help="how many runs a line is of")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        folder = Path(temporary)
        days = [FIRST + timedelta(day) for day in range(given.seeded + given.runs + 1)]
        configure(folder)
        # in a process of its own: one that has run a stage is the one writer until it ends
        seeding = multiprocessing.get_context("spawn").Process(
            target=seed, args=(folder, days[: given.seeded])
        )
        seeding.start()
        seeding.join()
        print(
            "| runs | wall s | CPU s | own MiB | files | MiB | reports MiB | logs MiB | versions |"
        )
        print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
        measure(folder, days[given.seeded : -1], given)
        verify(folder)
        with ProjectKernels(fork=True, on_fallback=sys.exit) as kernels:
            made(folder, days[-1], kernels)
        verify(folder)
    return 0


def configure(folder: Path) -> None:
    """The shipped configuration, which stays what it is today."""
    shutil.copytree(HERE.parent / "config", folder / "config")
    path = folder / "config" / "pipeline.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["logs"] = str(folder / "logs")
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def seed(folder: Path, days: Sequence[datetime]) -> None:
    """A run a day as notebooks make it, and its record."""
    for as_of in days:
        seeded(folder, as_of)


def seeded(folder: Path, as_of: datetime) -> None:
    """A run of the notebooks alone."""
    started = as_of + timedelta(minutes=1)
    run_id, history = new_run_id(started), RunHistory(folder / "data")
    pipeline = load_pipeline(folder / "config")
    parameters = {
        "run_id": run_id, "as_of": as_of.isoformat(), "config_dir": str(folder / "config"),
        "data_dir": str(folder / "data"),
    }  # fmt: skip
    outcomes = []
    for stage in pipeline.stages:
        run_cells(code_cells(HERE.parent / "notebooks" / stage.notebook), parameters)
        record = history.read_stage(run_id, stage.name)
        outcomes.append(StageOutcome(name=stage.name, status="ok", record=record))
    history.write_request(RunRequest(run_id=run_id, as_of=as_of))
    history.write_run(
        RunRecord(
            run_id=run_id, as_of=as_of, started_at_utc=started, status="ok", exit_code=0,
            finished_at_utc=started + timedelta(seconds=LAST_SECONDS), stages=outcomes,
        )
    )  # fmt: skip


def made(folder: Path, as_of: datetime, kernels: object) -> RunRecord:
    """A whole run, at its own time."""
    request = RunRequest(
        config=folder / "config", data=folder / "data", reports=folder / "reports", as_of=as_of
    )
    return run(request, Progress(), lambda: as_of + timedelta(minutes=1), kernels)


def measure(folder: Path, days: Sequence[datetime], given: argparse.Namespace) -> None:
    """Whole runs, and a line of the table after every ``--show`` of them."""
    with ProjectKernels(fork=True, on_fallback=sys.exit) as kernels:
        walls, cpus = [], []
        for number, as_of in enumerate(days, 1):
            begun, cpu = time.perf_counter(), cpu_seconds()
            made(folder, as_of, kernels)
            walls.append(time.perf_counter() - begun)
            cpus.append(cpu_seconds() - cpu)
            if number % given.show == 0:
                memory = psutil.Process().memory_full_info().uss / 2**20
                costs = f"{statistics.median(walls):.2f} | {statistics.median(cpus):.2f}"
                print(f"| {given.seeded + number} | {costs} | {memory:.0f} | {left(folder)} |")
                sys.stdout.flush()
                walls, cpus = [], []


def cpu_seconds() -> float:
    """Of this process and all that it started, ended ones included."""
    this = psutil.Process()
    alive = [this, *this.children(recursive=True)]
    return sum(sum(process.cpu_times()[:4]) for process in alive)


def left(folder: Path) -> str:
    """Files and mebibytes of the data, of reports and logs, and versions that can be read."""
    data = [path.stat() for path in (folder / "data").rglob("*") if path.is_file()]
    sizes = [
        sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file())
        for name in ("reports", "logs")
    ]
    lake = Lake(folder / "data")
    versions = sum(len(lake.commits(name)) for name in table_names(lake.root))
    mebibytes = " | ".join(
        f"{size / 2**20:.1f}" for size in (sum(status.st_size for status in data), *sizes)
    )
    return f"{len(data)} | {mebibytes} | {versions}"


def verify(folder: Path) -> None:
    """How long ``verify`` takes, in a process of its own."""
    folders = ["--config", str(folder / "config"), "--data", str(folder / "data")]
    command = [sys.executable, str(HERE.parent / "run_pipeline.py"), "verify", "--quiet", *folders]
    begun = time.perf_counter()
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    print(f"\nverify: {time.perf_counter() - begun:.1f} s, exit code {answer.returncode}")
    print(answer.stdout.strip().splitlines()[0] if answer.stdout else answer.stderr[-500:])


if __name__ == "__main__":
    sys.exit(main())
