"""The same number of rows in one asset and in 500: what an asset more costs the validate stage.

``python benchmarks/many_assets.py [--rows N] [--assets N] [--rounds N] [--folder DIR]``. It ends
with exit code 1 where many assets cost more than twice the CPU seconds of one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measurement import Cost, cost_of, median, print_table, unpublish

LIMIT = 2.0


def main() -> int:
    """Make the rows twice, measure in turn, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--assets", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    given = parser.parse_args()
    counts = (1, given.assets)
    costs: dict[int, list[Cost]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        folders = {count: Path(temporary, str(count)) for count in counts}
        for count, folder in folders.items():
            cost_of("raw_bars.py", folder, str(given.rows), str(count))
            cost_of("stage_cells.py", "ingest", folder)
        for _ in range(given.rounds):
            for count, folder in folders.items():
                unpublish(folder)
                costs[count].append(cost_of("stage_cells.py", "validate", folder))
    medians = {count: median(measured) for count, measured in costs.items()}
    print(f"validate, {given.rows:,} raw rows, medians of {given.rounds} rounds\n")
    print_table([(f"{count} asset(s)", one) for count, one in medians.items()], medians[1])
    return int(medians[given.assets].cpu_seconds > LIMIT * medians[1].cpu_seconds)


if __name__ == "__main__":
    sys.exit(main())
