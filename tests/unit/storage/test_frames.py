from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from sentinel_lib.storage.engine import Engine
from sentinel_lib.storage.frames import first_rows, frame_of


def test_decimals_become_floats_and_missing_ones_nan() -> None:
    rows = pa.table({"close": pa.array([Decimal("1.10"), None], pa.decimal128(38, 18))})

    frame = frame_of(rows)

    assert str(frame["close"].dtype) == "float64"
    assert frame["close"].iloc[0] == 1.1
    assert pd.isna(frame["close"].iloc[1])


def test_column_without_any_decimal_is_still_one_of_floats() -> None:
    frame = frame_of(pa.table({"volume": pa.array([None, None], pa.decimal128(38, 18))}))

    assert str(frame["volume"].dtype) == "float64"
    assert frame["volume"].isna().all()


def test_widest_decimals_become_the_nearest_float() -> None:
    rows = pa.table({"volume": pa.array([Decimal("99999999999999999999.99999999")])})

    assert frame_of(rows)["volume"].tolist() == [1e20]


@given(st.lists(st.decimals(-(10**19), 10**19, places=18), max_size=20))
def test_every_decimal_becomes_the_float_nearest_to_it(numbers: list[Decimal]) -> None:
    rows = pa.table({"close": pa.array(numbers, pa.decimal128(38, 18))})

    assert frame_of(rows)["close"].tolist() == [float(number) for number in numbers]


def test_first_rows_show_exact_decimals_without_trailing_zeros() -> None:
    closes = [Decimal("1.5"), Decimal("0.0000000012508"), Decimal("1200"), None]
    rows = pa.table({"close": pa.array(closes, pa.decimal128(38, 18)), "bar_count": [1, 2, 3, 4]})

    frame = first_rows(Engine(1).load(rows), 4)

    assert frame["close"].tolist()[:3] == ["1.5", "0.0000000012508", "1200"]
    assert pd.isna(frame["close"].iloc[3])
    assert frame["bar_count"].tolist() == [1, 2, 3, 4]


def test_text_dates_instants_and_whole_numbers_stay_what_they_are() -> None:
    moment = datetime(2026, 11, 24, 3, tzinfo=UTC)
    rows = pa.table(
        {
            "symbol": ["AAPL"],
            "session": [date(2026, 11, 23)],
            "timestamp": pa.array([moment], pa.timestamp("us", "UTC")),
            "bar_count": [7],
        }
    )

    frame = frame_of(rows)

    assert frame.to_dict("records") == [
        {
            "symbol": "AAPL",
            "session": date(2026, 11, 23),
            "timestamp": pd.Timestamp(moment),
            "bar_count": 7,
        }
    ]
    assert str(frame["bar_count"].dtype) == "int64"


def test_columns_and_rows_keep_their_order() -> None:
    frame = frame_of(pa.table({"b": [2, 1], "a": ["x", "y"]}))

    assert list(frame.columns) == ["b", "a"]
    assert frame["b"].tolist() == [2, 1]


def test_no_rows_keep_their_columns() -> None:
    frame = frame_of(pa.table({"close": pa.array([], pa.decimal128(38, 18))}))

    assert list(frame.columns) == ["close"]
    assert len(frame) == 0
