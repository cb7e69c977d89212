"""Raw files to Gold: a run, beside the same work written by hand for DuckDB and for Polars.

``python benchmarks/end_to_end.py [--rows N ...] [--assets N] [--rounds N] [--folder DIR]``. A run
does what the scripts do, and archives, explains, certifies, audits and reports besides. They run in
turn; tables show medians, and ratios to the script that takes fewer CPU seconds. The second table
shows where a run's go: the cells of each stage in a process of its own, imports included.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

from measurement import HERE, Cost, cost_of, cost_of_tree, median, print_table
from stage_cells import AS_OF

STAGES = ("ingest", "validate", "promote_silver", "build_gold", "monitor")
BY_HAND = {"DuckDB by hand": "by_hand_duckdb.py"}
if find_spec("polars"):  # it is in no lock: pip install polars
    BY_HAND["Polars by hand"] = "by_hand_polars.py"


def run_command(folder: Path, as_of: str = AS_OF) -> list[str]:
    """A run of the project in ``folder``. Its bars are old, and that is no failure here."""
    return [
        sys.executable, str(HERE.parent / "run_pipeline.py"), "run", "--quiet", "--as-of", as_of,
        "--fail-on", "never", "--config", str(folder / "config"), "--data", str(folder / "data"),
        "--reports", str(folder / "reports"),
    ]  # fmt: skip


def mebibytes(*folders: Path) -> float:
    """What the files of ``folders`` take."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files) / 2**20


def measure(folder: Path, rounds: int) -> None:
    """Print both tables for the project in ``folder``."""
    costs: dict[str, list[Cost]] = defaultdict(list)
    written: dict[str, float] = {}
    for _ in range(rounds):
        for name in ("data", "reports"):
            shutil.rmtree(folder / name, ignore_errors=True)
        costs["a run"].append(cost_of_tree(run_command(folder)))
        written["a run"] = mebibytes(folder / "data", folder / "reports")
        for name, script in BY_HAND.items():
            output = folder / script.removesuffix(".py")
            shutil.rmtree(output, ignore_errors=True)
            arguments = [str(folder / "inbox"), str(output)]
            costs[name].append(cost_of_tree([sys.executable, str(HERE / script), *arguments]))
            written[name] = mebibytes(output)
    medians = {name: median(measured) for name, measured in costs.items()}
    print_table(
        medians.items(), min((medians[name] for name in BY_HAND), key=lambda c: c.cpu_seconds)
    )
    print("\nMiB written: " + ", ".join(f"{name} {size:.0f}" for name, size in written.items()))
    shutil.rmtree(folder / "data")
    stages = {stage: cost_of("stage_cells.py", stage, folder) for stage in STAGES}
    print("\n| stage | wall s | CPU s | peak MiB |\n|---|--:|--:|--:|")
    for stage, cost in stages.items():
        print(
            f"| {stage} | {cost.wall_seconds:.1f} | {cost.cpu_seconds:.1f} | {cost.peak_mib:.0f} |"
        )


def main() -> int:
    """Make the rows of each size, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000, 10_000_000])
    parser.add_argument("--assets", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    given = parser.parse_args()
    for rows in given.rows:
        with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
            folder = Path(temporary)
            cost_of("raw_bars.py", folder, str(rows), str(given.assets))
            print(f"{rows:,} raw rows, {given.assets} assets, medians of {given.rounds} rounds\n")
            measure(folder, given.rounds)
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
