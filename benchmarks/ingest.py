"""A million rows of a quoted CSV file with CRLF and decimal commas, beside ``duckdb.read_csv``.

``python benchmarks/ingest.py [--rows N] [--rounds N] [--folder DIR]``. *Read* is the reader of
the files source alone, from bytes to raw bars; *ingest* is the stage: archive, table, drift, gate.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from measurement import Cost, cost_of, median, print_table

FIRST = datetime(2020, 1, 1)
PLAIN, READ, INGEST = "duckdb.read_csv", "read", "ingest"


def write(folder: Path, rows: int) -> None:
    """A project whose one file has ``rows`` minutes, day first, as a German program writes them."""
    from raw_bars import write_project

    write_project(folder, rows=1, assets=1)
    with (folder / "inbox" / "ASSET000.csv").open("w", encoding="utf-8", newline="") as file:
        file.write('"Datum";"Eröffnung";"Hoch";"Tief";"Schluss";"Volumen"\r\n')
        for at in range(rows):
            price = 200_000 + at * 7919 % 10_007
            texts = (f"{(price + step) / 100:.2f}".replace(".", ",") for step in (0, 60, -60, 10))
            moment = FIRST + timedelta(minutes=at)
            cells = [f"{moment:%d.%m.%Y %H:%M}", *texts, str(at % 977 + 1)]
            file.write(";".join(f'"{cell}"' for cell in cells) + "\r\n")


def read_plainly(path: Path) -> None:
    """What one would write for just this file."""
    import duckdb

    rows = duckdb.read_csv(str(path), sep=";", decimal=",", timestamp_format="%d.%m.%Y %H:%M")
    print(rows.to_arrow_table().num_rows)


def read(path: Path) -> None:
    """The files source, without a stage around it."""
    from sentinel_lib.ingestion import batch
    from sentinel_lib.settings.sources import FilesOptions

    print(batch.parse(batch.read_files(FilesOptions(path=path))).bars.num_rows)


def main() -> None:
    """Write the file, read it in turn in each way, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    given = parser.parse_args()
    costs: dict[str, list[Cost]] = {name: [] for name in (PLAIN, READ, INGEST)}
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
            folder = Path(temporary, "project")
            write(folder, given.rows)
            path = folder / "inbox" / "ASSET000.csv"
            costs[PLAIN].append(cost_of("ingest.py", "plainly", path))
            costs[READ].append(cost_of("ingest.py", "read", path))
            costs[INGEST].append(cost_of("stage_cells.py", "ingest", folder))
    medians = {name: median(measured) for name, measured in costs.items()}
    print(f"{given.rows:,} rows, medians of {given.rounds} rounds\n")
    print_table(medians.items(), medians[PLAIN])


if __name__ == "__main__":
    if sys.argv[1:2] == ["plainly"]:
        read_plainly(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["read"]:
        read(Path(sys.argv[2]))
    else:
        main()
