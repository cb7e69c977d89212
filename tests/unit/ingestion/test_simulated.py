from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sentinel_lib.ingestion import batch
from sentinel_lib.records.bar import Bar
from sentinel_lib.records.payload import Window
from sentinel_lib.settings.assets import Asset

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PINNED = [
    "2026-01-02,93.51,95.15,93.16,95.06,3907124",
    "2026-01-05,94.79,95.48,94.26,95.18,2929464",
    "2026-01-06,95.18,95.75,94.43,94.75,1644706",
    "2026-01-07,94.75,95.90,94.38,95.79,1689379",
]


def asset(symbol: str = "X", **terms: object) -> Asset:
    return Asset.model_validate({"symbol": symbol, "source": "simulated", "options": {}, **terms})


def lines(one: Asset, start: datetime = START, end: datetime = END) -> list[str]:
    fetched = batch.fetch({one.symbol: one}, [Window(one.symbol, start, end)])
    return [line for got, _ in fetched.payloads for line in got.content.decode().splitlines()[1:]]


def with_faults(**faults: float) -> Asset:
    return asset(options={"faults": faults})


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 330),
    st.sampled_from(["24/7", "weekdays", "XNYS"]),
    st.sampled_from(["1d", "4h"]),
    st.sampled_from([0.0, 0.3]),
)
def test_a_window_split_anywhere_gives_the_same_lines(
    days: int, calendar: str, interval: str, fault: float
) -> None:
    faults = dict.fromkeys(("nulls", "duplicates", "gaps", "wrong_types"), fault)
    one = asset(calendar=calendar, interval=interval, options={"faults": faults})
    middle = START + DAY * days

    whole = lines(one)
    parts = lines(one, START, middle) + lines(one, middle, END)

    assert parts == whole


def test_another_process_makes_the_same_bars() -> None:
    code = (
        "from datetime import UTC, datetime\n"
        "from sentinel_lib.ingestion import batch\n"
        "from sentinel_lib.records.payload import Window\n"
        "from sentinel_lib.settings.assets import Asset\n"
        "a = Asset.model_validate({'symbol': 'X', 'source': 'simulated', 'options': {}})\n"
        "w = Window('X', datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))\n"
        "print(batch.digest_of(batch.fetch({'X': a}, [w]).payloads[0][0].content))\n"
    )

    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()

    here = batch.fetch({"X": asset()}, [Window("X", START, END)]).payloads[0][0].content
    assert batch.digest_of(here) == there


def test_the_bars_never_change_from_one_version_to_the_next() -> None:
    first = lines(asset("AAPL", calendar="XNYS"), START, START + DAY * 7)

    assert first == PINNED


def test_seed_symbol_and_start_price_make_other_bars() -> None:
    variants = [
        asset(),
        asset("Y"),
        asset(options={"seed": 8}),
        asset(options={"start_price": 50_000}),
    ]

    series = [tuple(lines(one)) for one in variants]

    assert len(set(series)) == 4
    assert 25_000 < float(series[3][0].split(",")[4]) < 100_000


@pytest.mark.parametrize("interval", ["1d", "1h", "1m"])
@pytest.mark.parametrize("start_price", [None, 0.01, 60_000])
def test_every_bar_is_valid_and_opens_where_the_one_before_closed(
    interval: str, start_price: float | None
) -> None:
    one = asset(interval=interval, options={"start_price": start_price})
    days = 300 if interval == "1d" else 2
    window = Window("X", START, START + DAY * days)

    table = batch.parse(batch.fetch({"X": one}, [window])).bars

    bars = [Bar.model_validate({**row, "interval": interval}) for row in table.to_pylist()]
    assert all(bar.volume is not None and bar.volume > 0 for bar in bars)
    assert all(after.open == before.close for before, after in pairwise(bars))


def test_an_exchange_has_no_bar_on_a_holiday_and_closes_early() -> None:
    apple = asset(calendar="XNYS")
    start = datetime(2026, 11, 25, tzinfo=UTC)

    before = lines(apple, start, datetime(2026, 11, 27, 17, 59, 59, tzinfo=UTC))
    after = lines(apple, start, datetime(2026, 11, 27, 18, 0, tzinfo=UTC))

    assert [line[:10] for line in before] == ["2026-11-25"]
    assert [line[:10] for line in after] == ["2026-11-25", "2026-11-27"]


def test_intraday_bars_begin_with_their_session_and_are_over() -> None:
    apple = asset(calendar="XNYS", interval="1h")
    day = datetime(2026, 11, 27, tzinfo=UTC)

    times = [
        line.split(",")[0] for line in lines(apple, day, day + timedelta(hours=17, minutes=30))
    ]

    assert times == [f"2026-11-27T{hour}:30:00Z" for hour in (14, 15, 16)]


def test_a_price_only_series_has_only_a_close() -> None:
    fetched = batch.fetch({"X": asset(fields="close")}, [Window("X", START, END)])

    parsed = batch.parse(fetched)

    assert fetched.payloads[0][0].content.startswith(b"timestamp,close\n2026-01-01,")
    assert parsed.bars.column("open").null_count == parsed.bars.num_rows
    assert parsed.bars.column("close").null_count == 0


def test_an_index_has_its_prices_and_no_volume() -> None:
    fetched = batch.fetch({"X": asset(fields="ohlc")}, [Window("X", START, END)])

    bars = batch.parse(fetched).bars

    assert fetched.payloads[0][0].content.startswith(b"timestamp,open,high,low,close\n")
    assert bars.column("volume").null_count == bars.num_rows
    assert bars.column("open").null_count == 0


def test_no_bar_in_the_window_is_no_payload() -> None:
    fetched = batch.fetch({"X": asset()}, [Window("X", START, START + timedelta(hours=23))])

    assert (fetched.payloads, fetched.failures) == ([], [])


def test_the_locator_names_asset_and_days() -> None:
    fetched = batch.fetch({"X": asset()}, [Window("X", START, START + DAY * 3)])

    assert fetched.payloads[0][0].locator == "simulated/X/2026-01-01..2026-01-03.csv"


def test_planted_nulls_are_empty_closes() -> None:
    closes = [line.split(",")[4] for line in lines(with_faults(nulls=0.2))]

    assert 0.1 < closes.count("") / len(closes) < 0.3


def test_planted_duplicates_are_equal_lines_in_a_row() -> None:
    found = lines(with_faults(duplicates=0.2))

    repeated = [line for line, after in pairwise(found) if line == after]
    assert sorted(set(found)) == lines(asset())
    assert len(repeated) == len(found) - len(set(found)) > 0


def test_planted_swaps_put_high_below_low() -> None:
    found = [line.split(",") for line in lines(with_faults(high_below_low=0.2))]

    swapped = [cells for cells in found if float(cells[2]) < float(cells[3])]
    assert 0.1 < len(swapped) / len(found) < 0.3


def test_planted_gaps_are_missing_lines() -> None:
    found, whole = lines(with_faults(gaps=0.2)), lines(asset())

    assert set(found) < set(whole)
    assert 0.7 < len(found) / len(whole) < 0.9


def test_planted_wrong_types_are_texts_in_close_or_volume() -> None:
    found = [line.split(",") for line in lines(with_faults(wrong_types=0.2))]

    assert {at for cells in found for at, cell in enumerate(cells) if cell == "n.m."} == {4, 5}


def test_late_sessions_are_not_delivered_yet() -> None:
    found = lines(with_faults(late_sessions=2))

    assert found == lines(asset())[:-2]


def test_more_late_sessions_than_there_are_leave_nothing() -> None:
    assert lines(with_faults(late_sessions=9), END - DAY * 3, END) == []


def test_a_price_beyond_reason_is_not_accepted() -> None:
    with pytest.raises(ValidationError, match="start_price"):
        asset(options={"start_price": 1e10})


def test_dates_before_the_epoch_have_bars_too() -> None:
    start = datetime(1960, 1, 1, tzinfo=UTC)

    assert len(lines(asset(), start, start + DAY * 3)) == 3
    assert date(1960, 1, 1).isoformat() in lines(asset(), start, start + DAY * 3)[0]
