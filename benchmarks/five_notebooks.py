"""A small daily run of the five notebooks, beside Papermill in a loop over the same notebooks.

``python benchmarks/five_notebooks.py [--rounds N] [--folder DIR]``. Every round makes the same
run from the same published state, in turn in each way; the table shows medians, and their ratios to
the plain loop.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measurement import ENVIRONMENT, HERE, Cost, cost_from, cost_of_tree, median, print_table

ROOT = HERE.parent
BEFORE, AS_OF = "2024-06-27T21:00:00+00:00", "2024-06-28T21:00:00+00:00"
BASE = "plain loop"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run works: its configuration, tables and reports."""

    folder: Path

    @property
    def paths(self) -> list[str]:
        return [str(self.folder / name) for name in ("config", "data", "reports")]

    def copied_to(self, folder: Path) -> Place:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        config = folder / "config" / "pipeline.yaml"
        config.write_text(config.read_text().replace("logs: logs", f"logs: {folder / 'logs'}"))
        return Place(folder)


def pipeline_command(place: Place, as_of: str) -> list[str]:
    config, data, reports = place.paths
    return [
        sys.executable, str(ROOT / "run_pipeline.py"), "run", "--quiet", "--as-of", as_of,
        "--config", config, "--data", data, "--reports", reports,
    ]  # fmt: skip


def loop_command(place: Place, *options: str) -> list[str]:
    script = str(HERE / "plain_loop.py")
    return [sys.executable, "-W", "ignore", script, *place.paths, AS_OF, *options]


class Resident:
    """The process whose kernels stay warm."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(HERE / "resident.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env=ENVIRONMENT, cwd=ROOT,
        )  # fmt: skip

    def cost_of_run(self, place: Place) -> Cost:
        print(json.dumps([*place.paths, AS_OF]), file=self.process.stdin)
        return cost_from(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def main() -> int:
    """Publish a state, run from it in turn in each way, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        top = Path(temporary)
        shutil.copytree(ROOT / "config", top / "empty" / "config")
        before = Place(top / "empty").copied_to(top / "before")
        subprocess.run(pipeline_command(before, BEFORE), check=True, stdout=subprocess.DEVNULL)
        resident = Resident()
        resident.cost_of_run(before.copied_to(top / "run"))  # which also waits for its template
        ways: dict[str, Callable[[Place], Cost]] = {
            BASE: lambda place: cost_of_tree(loop_command(place)),
            "plain loop, kernels killed": lambda place: cost_of_tree(
                loop_command(place, "--immediate")
            ),
            "run, --no-fork": lambda place: cost_of_tree(
                [*pipeline_command(place, AS_OF), "--no-fork"]
            ),
            "run": lambda place: cost_of_tree(pipeline_command(place, AS_OF)),
            "run, resident": resident.cost_of_run,
        }
        costs: dict[str, list[Cost]] = {name: [] for name in [*ways, "run, unchanged"]}
        for number in range(given.rounds):
            for name, way in ways.items():
                place = before.copied_to(top / "run")
                costs[name].append(way(place))
                if name == "run":
                    again = cost_of_tree(pipeline_command(place, AS_OF))
                    costs["run, unchanged"].append(again)
            print(f"round {number + 1} of {given.rounds}", file=sys.stderr)
        resident.close()
    medians = {name: median(measured) for name, measured in costs.items()}
    print(f"the five notebooks for one more day, medians of {given.rounds} rounds\n")
    print_table(medians.items(), medians[BASE])
    print("\ntimes less than the plain loop:\n")
    for name, one in medians.items():
        wall = medians[BASE].wall_seconds / one.wall_seconds
        cpu = medians[BASE].cpu_seconds / one.cpu_seconds
        print(f"- {name}: {wall:.1f} wall, {cpu:.1f} CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
