"""When the bars of a batch are, by symbol, before the engine has read them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.ingestion.fetches import LoggedPayload, Parsed
from sentinel_lib.ingestion.raw_bars import PROVENANCE_COLUMNS
from sentinel_lib.records.bar import EPOCH_UNITS, EXCEL, ISO_8601, is_in_utc

SECOND = "datetime64[s]"
_TIMES = pa.schema(
    [
        ("symbol", pa.string()),
        ("written", pa.timestamp("us")),
        ("instant", pa.timestamp("us")),
        ("is_assumed", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a symbol's bars, sorted, each once: as written, and as instants in UTC.

    ``are_assumed`` says that they have no offset and nobody has said in which zone they are.
    """

    written: np.ndarray[Any, Any]
    instants: np.ndarray[Any, Any]
    are_assumed: bool

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The first and the last, as written."""
        first, last = self.written[[0, -1]].astype(SECOND).tolist()
        return first, last


def times_by_symbol(parsed: Parsed, symbols: Sequence[str]) -> Iterator[tuple[str, Times]]:
    """The times of each of ``symbols`` that can be read; a symbol without any is left out."""
    wanted = pc.is_in(parsed.bars["symbol"], pa.array(symbols, pa.string()))
    bars = parsed.bars.filter(wanted).select([*PROVENANCE_COLUMNS, "symbol", "timestamp"])
    parts = [_read_times(bars, payload) for payload in _readings(parsed.log)]
    rows = pa.concat_tables([_TIMES.empty_table(), *parts])
    rows = rows.filter(pc.is_valid(rows["written"])).sort_by(
        [("symbol", "ascending"), ("instant", "ascending")]
    )
    if not rows.num_rows:
        return
    names = rows["symbol"].combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy()
    written, instants = (rows[name].to_numpy().astype(SECOND) for name in ("written", "instant"))
    assumed = rows["is_assumed"].to_numpy()
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    for start, end in zip(starts, [*starts[1:], len(codes)], strict=True):
        of_symbol = slice(start, end)
        unique = np.unique(instants[of_symbol], return_index=True)[1]
        yield (
            names.dictionary[codes[start]].as_py(),
            Times(
                np.sort(written[of_symbol][unique]),
                instants[of_symbol][unique],
                bool(assumed[of_symbol].all()),
            ),
        )


def _readings(log: Sequence[LoggedPayload]) -> Iterator[LoggedPayload]:
    """One payload for each way in which times are written."""
    seen = set()
    for payload in log:
        key = (payload.payload, payload.layout)
        if key not in seen:
            seen.add(key)
            yield payload


def _read_times(bars: pa.Table, payload: LoggedPayload) -> pa.Table:
    """``symbol``, ``written``, ``instant`` and ``is_assumed`` of a payload's rows."""
    import duckdb

    ours = pc.and_(
        pc.equal(bars["payload"], payload.payload), pc.equal(bars["layout"], payload.layout)
    )
    rows = bars.filter(ours).select(["symbol", "timestamp"])
    written, offset = _expressions(payload.date_format)
    zone = payload.timezone.replace("'", "''")
    is_told = "timezone" in json.loads(payload.reading or "{}").get("answers", {})
    is_assumed = not is_told and not is_in_utc(payload.date_format)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows", rows)
        read = connection.sql(
            f"""
            WITH texts AS (SELECT symbol, trim("timestamp") AS text FROM rows),
            read AS (SELECT symbol, {written} AS written, {offset} AS shift FROM texts)
            SELECT symbol, written,
                CASE WHEN shift IS NOT NULL THEN written - to_minutes(shift)
                     ELSE timezone('UTC', timezone('{zone}', written)) END AS instant,
                {is_assumed} AND shift IS NULL AS is_assumed
            FROM read
            """
        ).to_arrow_table()
    return read.cast(_TIMES)


def _expressions(date_format: str) -> tuple[str, str]:
    """A time as written and its offset in minutes, or NULL, from ``text``: SQL."""
    suffix = r"(Z|[+-][0-9]{2}:?[0-9]{2})$"
    offset = (
        f"regexp_extract(text, '{suffix}', 1)",
        "CASE WHEN zone = 'Z' THEN 0 WHEN zone = '' THEN NULL ELSE "
        "(CASE WHEN zone[1] = '-' THEN -1 ELSE 1 END) "
        "* (zone[2:3]::BIGINT * 60 + right(zone, 2)::BIGINT) END",
    )
    zoned = offset[1].replace("zone", offset[0])
    if date_format in EPOCH_UNITS:
        whole = f"try_cast(split_part(text, '.', 1) AS BIGINT) // {EPOCH_UNITS[date_format]}"
        return f"make_timestamp(({whole}) * 1000000)", "0"
    if date_format == EXCEL:
        return (
            "TIMESTAMP '1899-12-30' + to_seconds(round(try_cast(text AS DOUBLE) * 86400))",
            "NULL",
        )
    if date_format == ISO_8601:
        bare = f"regexp_replace(text, '{suffix}', '')"
        is_zoned = "length(text) > 10"
        return (
            f"try_cast(CASE WHEN {is_zoned} THEN {bare} ELSE text END AS TIMESTAMP)",
            f"CASE WHEN {is_zoned} THEN {zoned} END",
        )
    pattern = date_format.replace("'", "''")
    if "%z" in date_format:
        instant = f"timezone('UTC', try_strptime(text, '{pattern}')::TIMESTAMPTZ)"
        return f"{instant} + to_minutes({zoned})", zoned
    return f"try_strptime(text, '{pattern}')", "0" if is_in_utc(date_format) else "NULL"
