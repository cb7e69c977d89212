"""Raw CSV files to Gold in SQL for DuckDB, as one would write it for just these files.

``python benchmarks/by_hand_duckdb.py INBOX OUTPUT`` types the rows, applies the row rules of the
shipped ``silver.yaml``, resolves repeated keys, and writes refused rows with their text and rule,
Silver in order of its key, daily bars and the metrics. It knows nothing of other formats, lines,
calendars, corrections, archives, digests, gates, or tables with history.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

_VALUES = ("open", "high", "low", "close", "volume")
_TYPED = ", ".join(f"TRY_CAST({name} AS DECIMAL(18, 8)) AS {name}" for name in _VALUES)
_TEXTS = ", ".join(f"{name} AS {name}_text" for name in ("timestamp", *_VALUES))

_STEPS = f"""
CREATE TABLE judged AS
WITH raw AS (
  SELECT parse_filename(filename, true) AS symbol, * EXCLUDE filename
  FROM read_csv('{{inbox}}/*.csv', header = true, all_varchar = true, filename = true)
), typed AS (
  SELECT symbol, {_TEXTS}, TRY_CAST(timestamp AS TIMESTAMPTZ)::TIMESTAMP AS timestamp, {_TYPED}
  FROM raw
)
SELECT symbol, timestamp, {", ".join(_VALUES)}, rule,
  CASE WHEN rule IS NOT NULL THEN concat_ws(',', timestamp_text, open_text, high_text, low_text,
    close_text, volume_text) END AS text
FROM (SELECT *, CASE
  WHEN timestamp IS NULL THEN 'timestamp.unreadable'
  WHEN open IS NULL AND open_text <> '' THEN 'open.unreadable'
  WHEN high IS NULL AND high_text <> '' THEN 'high.unreadable'
  WHEN low IS NULL AND low_text <> '' THEN 'low.unreadable'
  WHEN close IS NULL AND close_text <> '' THEN 'close.unreadable'
  WHEN volume IS NULL AND volume_text <> '' THEN 'volume.unreadable'
  WHEN open IS NULL OR high IS NULL OR low IS NULL OR close IS NULL OR volume IS NULL THEN 'null'
  WHEN open <= 0 OR high <= 0 OR low <= 0 OR close <= 0 OR volume < 0 THEN 'range'
  WHEN high < low OR high < open OR high < close OR open < low OR close < low THEN 'order'
  END AS rule FROM typed);

CREATE TABLE repeated AS
SELECT symbol, timestamp, count(DISTINCT (open, high, low, close, volume)) AS readings
FROM judged WHERE rule IS NULL GROUP BY ALL HAVING count(*) > 1;

COPY (
  SELECT symbol, timestamp, text, rule FROM judged WHERE rule IS NOT NULL
  UNION ALL
  SELECT j.symbol, j.timestamp, concat_ws(',', j.timestamp, open, high, low, close, volume),
    'conflicting_key'
  FROM judged j JOIN repeated r USING (symbol, timestamp) WHERE rule IS NULL AND readings > 1
  ORDER BY ALL
) TO '{{output}}/quarantine.parquet';

COPY (
  SELECT symbol, timestamp, open, high, low, close, volume FROM judged
  ANTI JOIN repeated USING (symbol, timestamp) WHERE rule IS NULL
  UNION ALL
  SELECT DISTINCT j.symbol, j.timestamp, open, high, low, close, volume
  FROM judged j JOIN repeated r USING (symbol, timestamp) WHERE rule IS NULL AND readings = 1
  ORDER BY ALL
) TO '{{output}}/silver.parquet' (COMPRESSION zstd);

CREATE TABLE daily AS
SELECT symbol, timestamp::DATE AS session, arg_min(open, timestamp) AS open, max(high) AS high,
  min(low) AS low, arg_max(close, timestamp) AS close, sum(volume) AS volume, count(*) AS bar_count
FROM '{{output}}/silver.parquet' GROUP BY ALL;

COPY (FROM daily ORDER BY symbol, session) TO '{{output}}/daily.parquet';

COPY (
  WITH numbered AS (
    SELECT *, row_number() OVER back AS place, close / lead(close) OVER back - 1 AS change,
      close / max(close) OVER (PARTITION BY symbol ORDER BY session) - 1 AS fall
    FROM (SELECT * REPLACE (close::DOUBLE AS close) FROM daily)
    WINDOW back AS (PARTITION BY symbol ORDER BY session DESC)
  )
  SELECT symbol, count(*) AS sessions, min(session) AS first_date, max(session) AS latest_date,
    arg_max(close, session) AS latest_close, 100 * arg_max(change, session) AS change_1d_pct,
    CASE WHEN count(*) > 6 THEN avg(close) FILTER (place <= 7) END AS avg_7d_close,
    CASE WHEN count(*) > 29 THEN avg(close) FILTER (place <= 30) END AS avg_30d_close,
    CASE WHEN count(*) > 20 THEN 100 * sqrt(365) * stddev(change) FILTER (place <= 20) END
      AS volatility_20d_pct,
    100 * min(fall) AS max_drawdown_pct,
    CASE WHEN count(*) > 19 THEN sum((high + low + close) / 3 * volume) FILTER (place <= 20)
      / sum(volume) FILTER (place <= 20) END AS vwap_20d,
    arg_max(volume, session) AS latest_volume
  FROM numbered GROUP BY symbol ORDER BY symbol
) TO '{{output}}/aggregates.csv';
"""


def main(inbox: Path, output: Path) -> None:
    """Write ``quarantine``, ``silver``, ``daily`` and ``aggregates`` into ``output``."""
    output.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET memory_limit = '3GiB'")
    connection.execute(f"SET temp_directory = '{output / 'spill'}'")
    for step in _STEPS.format(inbox=inbox, output=output).split(";\n"):
        if step.strip():
            connection.execute(step)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
