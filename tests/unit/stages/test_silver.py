"""The last bars: of statistics where they tell, of rows where they do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_lib.errors import StorageError
from sentinel_lib.stages.silver import last_bars
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.tables import Commit, Lake

START = datetime(2024, 1, 1, tzinfo=UTC)
COMMIT = Commit("r1", START)
BARS = st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(0, 9)), max_size=4)


def bars(*days: tuple[str, int]) -> pa.Table:
    rows = [
        {"symbol": symbol, "interval": "1d", "timestamp": START + timedelta(days=day)}
        for symbol, day in days
    ]
    return pa.Table.from_pylist(rows, schema_of("silver.bars"))


@settings(deadline=None, max_examples=40)
@given(st.lists(BARS, max_size=4), st.sets(st.sampled_from("ABCDE")))
def test_last_bars_are_those_of_all_rows(
    tmp_path_factory: pytest.TempPathFactory, commits: list[list[tuple[str, int]]], wanted: set[str]
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    for days in commits:
        lake.append("silver.bars", bars(*days), COMMIT)

    last: dict[str, int] = {}
    for symbol, day in (pair for days in commits for pair in days):
        last[symbol] = max(day, last.get(symbol, 0))
    expected = {symbol: START + timedelta(days=last[symbol]) for symbol in wanted & last.keys()}
    assert last_bars(lake, wanted) == expected


def test_a_file_that_can_tell_nothing_newer_is_not_read(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("silver.bars", bars(("A", 1), ("B", 2)), COMMIT)
    [old] = lake.files("silver.bars")
    lake.append("silver.bars", bars(("A", 3), ("B", 3)), COMMIT)
    Path(old).write_bytes(b"damaged")

    assert set(last_bars(lake, ["A", "B"])) == {"A", "B"}
    with pytest.raises(StorageError, match="is damaged"):
        last_bars(lake, ["A", "AB", "B"])
