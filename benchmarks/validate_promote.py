"""Five million raw rows through validate and promote, beside SQL written by hand for the same work.

``python benchmarks/validate_promote.py [--rows N] [--assets N] [--rounds N] [--folder DIR]``.
It ends with exit code 1 where a stage takes more than 3 GiB of memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measurement import Cost, cost_of, median, print_table, unpublish

LIMIT_MIB = 3 * 1024


def main() -> int:
    """Make the rows, measure both in turn, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--assets", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        folder = Path(temporary)
        cost_of("raw_bars.py", folder, str(given.rows), str(given.assets))
        cost_of("stage_cells.py", "ingest", folder)
        costs: dict[str, list[Cost]] = {"validate": [], "promote": [], "by hand": []}
        for _ in range(given.rounds):
            unpublish(folder)
            costs["validate"].append(cost_of("stage_cells.py", "validate", folder))
            costs["promote"].append(cost_of("stage_cells.py", "promote_silver", folder))
            costs["by hand"].append(cost_of("hand_written.py", folder))
    both = [one + other for one, other in zip(costs["validate"], costs["promote"], strict=True)]
    rows = {"validate and promote": both, **costs}
    print(f"{given.rows:,} raw rows, {given.assets} assets, medians of {given.rounds} rounds\n")
    medians = [(name, median(measured)) for name, measured in rows.items()]
    print_table(medians, median(costs["by hand"]))
    peak = max(one.peak_mib for one in both)
    print(f"\nLargest peak of a stage: {peak:.0f} MiB; the limit is {LIMIT_MIB} MiB.")
    return int(peak > LIMIT_MIB)


if __name__ == "__main__":
    sys.exit(main())
