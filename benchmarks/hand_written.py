"""The same validate and promote as the notebooks', in SQL by hand for DuckDB, without any gate.

``python benchmarks/hand_written.py PROJECT_FOLDER`` reads the files of ``bronze.bars``: text into
types, the row rules of the shipped ``silver.yaml``, keys resolved, refused rows with their rule and
text into one Parquet file, good ones in order of their key into another, and that appended to
Silver. It knows nothing of other date formats, calendars, corrections, words for refused rows,
suites, certificates, digests or tables with history.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

MEMORY_LIMIT = "1GiB"

_TYPED = r"""
CREATE TABLE typed AS
SELECT payload, line, symbol, TRY_CAST(timestamp AS TIMESTAMPTZ) AS timestamp,
  TRY_CAST(open AS DECIMAL(38, 18)) AS open, TRY_CAST(high AS DECIMAL(38, 18)) AS high,
  TRY_CAST(low AS DECIMAL(38, 18)) AS low, TRY_CAST(close AS DECIMAL(38, 18)) AS close,
  TRY_CAST(volume AS DECIMAL(38, 18)) AS volume,
  CASE WHEN open IS NOT NULL AND open <> '' AND TRY_CAST(open AS DECIMAL(38, 18)) IS NULL
    THEN 'open.unreadable'
    WHEN close IS NOT NULL AND close <> '' AND TRY_CAST(close AS DECIMAL(38, 18)) IS NULL
    THEN 'close.unreadable' END AS unreadable
FROM read_parquet($files)
"""

_JUDGED = """
CREATE TABLE judged AS
SELECT *, CASE
  WHEN timestamp IS NULL THEN 'timestamp.unreadable'
  WHEN timestamp + INTERVAL 1 MINUTE > $as_of::TIMESTAMPTZ THEN 'not_final'
  WHEN unreadable IS NOT NULL THEN unreadable
  WHEN open IS NULL OR high IS NULL OR low IS NULL OR close IS NULL OR volume IS NULL THEN 'null'
  WHEN open <= 0 OR high <= 0 OR low <= 0 OR close <= 0 OR volume < 0 THEN 'range'
  WHEN high < low OR high < open OR high < close OR open < low OR close < low THEN 'order'
  END AS rule
FROM typed
"""

_RESOLVED = """
CREATE TABLE resolved AS
WITH repeated AS (
  SELECT symbol, timestamp FROM judged WHERE rule IS NULL GROUP BY ALL HAVING count(*) > 1
), ranked AS (
  SELECT j.*,
    row_number() OVER (PARTITION BY symbol, timestamp ORDER BY payload, line) AS rank,
    count(DISTINCT (open, high, low, close, volume)) OVER (PARTITION BY symbol, timestamp) AS kinds
  FROM judged j SEMI JOIN repeated r USING (symbol, timestamp) WHERE rule IS NULL
)
SELECT j.* FROM judged j ANTI JOIN repeated r USING (symbol, timestamp) WHERE rule IS NULL
UNION ALL
SELECT * EXCLUDE (rank, kinds) REPLACE (IF(kinds > 1, 'conflicting_key', NULL) AS rule)
FROM ranked WHERE rank = 1 OR kinds > 1
UNION ALL
SELECT * FROM judged WHERE rule IS NOT NULL
"""

_QUARANTINE = """
COPY (
  SELECT rule, raw.* FROM read_parquet($files) raw
  JOIN (SELECT payload, line, rule FROM resolved WHERE rule IS NOT NULL) USING (payload, line)
  ORDER BY symbol, line
) TO '{}' (FORMAT parquet)
"""

_CANDIDATE = """
COPY (
  SELECT symbol, '1m' AS interval, timestamp, open, high, low, close, volume, 'files' AS source
  FROM resolved WHERE rule IS NULL ORDER BY symbol, timestamp
) TO '{}' (FORMAT parquet)
"""


def main(folder: Path) -> None:
    """Write ``quarantine``, ``candidate`` and ``silver`` files under ``folder/by_hand``."""
    output = folder / "by_hand"
    output.mkdir(exist_ok=True)
    files = [str(path) for path in (folder / "data" / "bronze" / "bars").glob("*.parquet")]
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = 'UTC'; SET memory_limit = '{MEMORY_LIMIT}'")
    connection.execute(f"SET temp_directory = '{output / 'spill'}'")
    connection.execute(_TYPED, {"files": files})
    connection.execute(_JUDGED, {"as_of": "2026-01-01T00:00:00Z"})
    connection.execute(_RESOLVED)
    connection.execute(_QUARANTINE.format(output / "quarantine.parquet"), {"files": files})
    candidate = output / "candidate.parquet"
    connection.execute(_CANDIDATE.format(candidate))
    connection.execute(
        f"COPY (FROM '{candidate}') TO '{output / 'silver.parquet'}' (FORMAT parquet)"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
