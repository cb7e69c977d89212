from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sentinel_lib import read_table
from sentinel_lib.errors import StorageError, UsageError
from sentinel_lib.storage import root
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.tables import Commit, Lake

MONDAY = datetime(2026, 11, 23, 22, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, 22, tzinfo=UTC)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A lake in which AAPL closed at 10.25 on Monday and at 11.5 on Tuesday."""
    root.begin(tmp_path)
    lake = Lake(tmp_path)
    for as_of, close in ((MONDAY, "10.25"), (TUESDAY, "11.50")):
        lake.overwrite("gold.daily", session(close), Commit("r1", as_of))
    return tmp_path


def session(close: str) -> pa.Table:
    prices = dict.fromkeys(("open", "high", "low", "close"), Decimal(close))
    row = {"symbol": "AAPL", "session": date(2026, 11, 23), **prices, "volume": None}
    return pa.Table.from_pylist([{**row, "bar_count": 1}], schema=schema_of("gold.daily"))


def test_table_is_read_as_it_is_now(data: Path) -> None:
    frame = read_table("gold.daily", data=data)

    assert frame["close"].tolist() == [11.5]


def test_prices_and_volumes_are_floats(data: Path) -> None:
    frame = read_table("gold.daily", data=str(data))

    assert {str(frame[name].dtype) for name in ("open", "close", "volume")} == {"float64"}
    assert frame["volume"].isna().all()
    assert frame["bar_count"].tolist() == [1]


@pytest.mark.parametrize(
    "as_of",
    [
        "2026-11-23",
        "20261123",
        "2026-11-23T22:00:00Z",
        "2026-11-23T22:00:00",
        "2026-11-23T17:00:00-05:00",
        date(2026, 11, 23),
        MONDAY,
        datetime(2026, 11, 23, 22),
        datetime(2026, 11, 23, 17, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_table_is_read_as_it_was_published_then(data: Path, as_of: Any) -> None:
    frame = read_table("gold.daily", as_of=as_of, data=data)

    assert frame["close"].tolist() == [10.25]


def test_moment_before_the_first_commit_is_an_error_that_names_the_first(data: Path) -> None:
    with pytest.raises(StorageError, match="had not been published yet") as caught:
        read_table("gold.daily", as_of="2026-11-23T21:59:59Z", data=data)

    assert caught.value.expected == "2026-11-23T22:00:00+00:00 or later"


@pytest.mark.parametrize("as_of", ["yesterday", "", "2026-13-01", "2026-11-23T25:00"])
def test_text_that_is_not_a_time_is_an_error_that_shows_one(data: Path, as_of: str) -> None:
    with pytest.raises(UsageError, match="is not a date or a time") as caught:
        read_table("gold.daily", as_of=as_of, data=data)

    assert "2013-03-02T00:00:00Z" in str(caught.value)


def test_table_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gold\.daily has not been published") as caught:
        read_table("gold.daily", data=tmp_path)

    assert caught.value.next_step == "python run_pipeline.py run"


def test_what_a_rollback_has_undone_was_never_published_for_readers(data: Path) -> None:
    lake = Lake(data)
    later = datetime(2034, 1, 1, tzinfo=UTC)
    lake.overwrite("gold.daily", session("99.00"), Commit("r2", later))
    lake.overwrite("gold.daily", session("11.50"), Commit("r3", TUESDAY))
    lake.overwrite("gold.daily", session("12.00"), Commit("r4", TUESDAY + timedelta(days=1)))

    closes = [
        read_table("gold.daily", as_of=as_of, data=data)["close"].tolist()
        for as_of in (MONDAY, TUESDAY, later)
    ]

    assert closes == [[10.25], [11.5], [12.0]]
