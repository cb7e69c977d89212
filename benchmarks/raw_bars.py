"""Raw bars to measure with: CSV files of intraday 24/7 bars, the same ones every time.

One file is an asset. In every 400 rows there are a value that is missing, one that is no number, a
high below its low and a negative volume; every 200th row repeats the one before it, and every
2,000th does so with another close. So 1% is refused for itself, 0.1% contradicts, 0.45% repeats.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import yaml

from sentinel_lib.settings.project import PROJECT_ROOT

START = "2015-01-01"

_ROWS = """
COPY (
  WITH numbered AS (
    SELECT range AS i, range - range // 200 AS minute FROM range({rows})
  ), priced AS (
    SELECT *, minute * 7919 % 10007 + 1000000 + {asset} * 997 AS middle FROM numbered
  )
  SELECT
    strftime(TIMESTAMP '{start}' + to_minutes(minute), '%Y-%m-%dT%H:%M:%SZ') AS timestamp,
    (middle / 100.0)::DECIMAL(12, 2) AS open,
    ((middle + CASE WHEN minute % 400 = 93 THEN -900 ELSE 60 END) / 100.0)::DECIMAL(12, 2) AS high,
    ((middle - 60) / 100.0)::DECIMAL(12, 2) AS low,
    CASE minute % 400 WHEN 17 THEN '' WHEN 57 THEN 'err'
      ELSE ((middle + 10 + (i % 2000 = 0)::INT) / 100.0)::DECIMAL(12, 2)::VARCHAR END AS close,
    CASE WHEN minute % 400 = 131 THEN -1 ELSE minute % 977 + 1 END AS volume
  FROM priced
) TO '{path}' (HEADER)
"""


_DAY = """
COPY (
  SELECT symbol,
    strftime(TIMESTAMP '{day}' + to_minutes(minute), '%Y-%m-%dT%H:%M:%SZ') AS timestamp,
    10000.00 AS open, 10001.00 AS high, 9999.00 AS low,
    (10000 + minute / 1e4)::DECIMAL(12, 2) AS close, minute + 1 AS volume
  FROM (SELECT unnest({symbols}) AS symbol), (SELECT range AS minute FROM range(1440))
  ORDER BY ALL
) TO '{path}' (HEADER)
"""


def write_day(path: Path, assets: int, day: str) -> None:
    """One file with the bars of all assets on one day."""
    symbols = [f"ASSET{number:03}" for number in range(assets)]
    duckdb.connect().execute(_DAY.format(path=path, symbols=symbols, day=day))


def write_project(folder: Path, rows: int, assets: int) -> Path:
    """A configuration and an inbox with ``rows`` rows of ``assets`` assets; its config folder."""
    inbox, config = folder / "inbox", folder / "config"
    inbox.mkdir(parents=True)
    (config / "expectations").mkdir(parents=True)
    symbols = [f"ASSET{number:03}" for number in range(assets)]
    connection = duckdb.connect()
    for number, symbol in enumerate(symbols):
        path = inbox / f"{symbol}.csv"
        connection.execute(_ROWS.format(asset=number, rows=rows // assets, start=START, path=path))
    shipped = PROJECT_ROOT / "config"
    for suite in (shipped / "expectations").iterdir():
        (config / "expectations" / suite.name).write_bytes(suite.read_bytes())
    pipeline = yaml.safe_load((shipped / "pipeline.yaml").read_text())
    _write(config / "pipeline.yaml", {**pipeline, "logs": str(folder / "logs")})
    _write(
        config / "assets.yaml",
        {
            "start": START,
            "defaults": {"source": "files", "interval": "1m"},
            "sources": {"files": {"path": str(inbox)}},
            "assets": {symbol: {} for symbol in symbols},
        },
    )
    return config


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False))


if __name__ == "__main__":
    write_project(Path(sys.argv[1]), rows=int(sys.argv[2]), assets=int(sys.argv[3]))
