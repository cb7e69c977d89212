"""A batch written down as dictionaries: what is not said is a sound daily bar of AAPL."""

from datetime import UTC, date, datetime, timedelta

import ibis
import pyarrow as pa
import pytest

from sentinel_lib.records.bar import INTERVAL_SECONDS, VALUE_COLUMNS
from sentinel_lib.storage.catalog import INSTANT, schema_of
from sentinel_lib.storage.engine import Engine

AS_OF = datetime(2024, 1, 6, tzinfo=UTC)
SOUND = {
    "payload": "p1",
    "layout": "l1",
    "line": 2,
    "asset": "AAPL",
    "symbol": "AAPL",
    "timestamp": "2024-01-02",
    "open": "10",
    "high": "12",
    "low": "9",
    "close": "11",
    "volume": "100",
    "adj_close": None,
    "defect": None,
    "is_provisional": False,
    "file": "bars.csv",
    "source": "files",
    "fetched_as_of": AS_OF,
    "date_format": "iso",
    "timezone": "UTC",
    "interval": "1d",
    "calendar": "24/7",
    "calendar_timezone": "UTC",
    "session_shift_seconds": 0,
    "keeps_hours": False,
    "fields": "ohlcv",
    "prices": "positive",
}
SCHEMA = pa.schema(
    [
        (name, {int: pa.int64(), bool: pa.bool_(), datetime: INSTANT}.get(type(value), pa.string()))
        for name, value in SOUND.items()
    ]
    + [("interval_seconds", pa.int64())]
)


@pytest.fixture(scope="session")
def engine():
    return Engine(threads=1)


@pytest.fixture(scope="session")
def arrow_rows():
    """Raw rows of a batch, each a sound one with what is said of it."""

    def build(*rows):
        whole = [{**SOUND, "line": 2 + index, **row} for index, row in enumerate(rows)]
        for row in whole:
            row["interval_seconds"] = INTERVAL_SECONDS[row["interval"]]
        return pa.Table.from_pylist(whole, schema=SCHEMA)

    return build


@pytest.fixture(scope="session")
def load_rows(engine, arrow_rows):
    """The same as a table of the engine."""
    return lambda *rows: engine.load(arrow_rows(*rows))


@pytest.fixture(scope="session")
def compiled(engine):
    """An expression over loaded tables, compiled once, to run on other rows of the same columns."""

    def prepare(expression, *tables):
        sql = str(ibis.to_sql(expression))
        names = [table.get_name() for table in tables]

        def run(*rows):
            for name, table in zip(names, rows, strict=True):
                engine.connection.con.register(name, table)
            return engine.connection.con.sql(sql).to_arrow_table().to_pylist()

        return run

    return prepare


@pytest.fixture(scope="session")
def sessions(engine):
    """1 to 9 January 2024: every day in 24/7, weekdays from the 2nd in XNYS, 14:30Z to 21:00Z, and
    in XTKS, 00:00Z to 06:00Z with a break from 02:30Z to 03:30Z; in 24/5 from 22:00Z to 22:00Z.
    """
    days = [date(2024, 1, 1) + timedelta(days=offset) for offset in range(9)]
    midnight = {day: datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days}
    hours = {
        "24/7": (0, 24, None, None),
        "XNYS": (14.5, 21, None, None),
        "XTKS": (0, 6, 2.5, 3.5),
        "24/5": (-2, 22, None, None),
    }
    moments = ("open_utc", "close_utc", "break_start_utc", "break_end_utc")
    rows = [
        {"calendar": calendar, "session_date": day}
        | {
            name: None if hour is None else midnight[day] + timedelta(hours=hour)
            for name, hour in zip(moments, of_day, strict=True)
        }
        for calendar, of_day in hours.items()
        for day in days
        if calendar == "24/7" or (day.weekday() < 5 and day > days[0])
    ]
    names = [("calendar", pa.string()), ("session_date", pa.date32())]
    schema = pa.schema([*names, *((name, INSTANT) for name in moments)])
    return engine.load(pa.Table.from_pylist(rows, schema=schema))


@pytest.fixture(scope="session")
def silver_rows():
    """Published bars, each AAPL's of 2 January 2024 with what is said of it."""

    def build(*rows):
        whole = [
            {
                "symbol": "AAPL",
                "interval": "1d",
                "timestamp": datetime(2024, 1, 2, tzinfo=UTC),
                "source": "files",
                "fetched_as_of": AS_OF - timedelta(days=1),
                **dict.fromkeys(VALUE_COLUMNS),
                **row,
            }
            for row in rows
        ]
        return pa.Table.from_pylist(whole, schema=schema_of("silver.bars"))

    return build
