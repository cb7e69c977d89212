"""One new day: on a history of many rows, and on none.

``python benchmarks/new_day.py [--rows N] [--assets N] [--rounds N] [--folder DIR]``. The history's
files stay in the inbox, and the day is a new file beside them. Both runs are made in turn, each
from the same state; the table shows medians, and ratios to the day without a history.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from end_to_end import run_command
from measurement import Cost, cost_of_tree, median, print_table
from raw_bars import START, write_day, write_project


def main() -> int:
    """Make the history, run it, and measure the day after it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--assets", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    given = parser.parse_args()
    day = date.fromisoformat(START) + timedelta(minutes=given.rows // given.assets, days=1)
    moments = [datetime(at.year, at.month, at.day, tzinfo=UTC) for at in (day, day + timedelta(1))]
    before, after = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in moments)
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        history, alone = Path(temporary, "history"), Path(temporary, "alone")
        write_project(history, given.rows, given.assets)
        write_project(alone, given.assets, given.assets)
        for path in (alone / "inbox").iterdir():
            path.unlink()
        cost_of_tree(run_command(history, before))
        shutil.copytree(history / "data", history / "data_before")
        costs: dict[str, list[Cost]] = {"a day alone": [], "on the history": []}
        for _ in range(given.rounds):
            for name, folder in zip(costs, (alone, history), strict=True):
                shutil.rmtree(folder / "data", ignore_errors=True)
                if (folder / "data_before").exists():
                    shutil.copytree(folder / "data_before", folder / "data")
                write_day(folder / "inbox" / "day.csv", given.assets, day.isoformat())
                costs[name].append(cost_of_tree(run_command(folder, after)))
    medians = {name: median(measured) for name, measured in costs.items()}
    print(f"a day of {given.assets} assets, after {given.rows:,} rows or none\n")
    print_table(medians.items(), medians["a day alone"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
