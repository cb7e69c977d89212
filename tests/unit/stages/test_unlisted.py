from __future__ import annotations

import pytest

from sentinel_lib.records.stage import NO_SYMBOL, UNLISTED
from sentinel_lib.stages.unlisted import (
    line_of,
    lines_of,
    unlisted_counts,
    unlisted_ledgers,
    unlisted_reason,
)

ASSETS = {"AAPL", "MSFT"}


@pytest.mark.parametrize(
    ("symbol", "line"),
    [("AAPL", "AAPL"), ("TSLA", UNLISTED), ("", NO_SYMBOL), (None, NO_SYMBOL), (" X", NO_SYMBOL)],
)
def test_a_row_counts_in_the_line_of_its_asset_or_of_none(symbol: str | None, line: str) -> None:
    assert line_of(ASSETS, symbol) == line


def test_assets_that_a_run_is_not_about_have_no_line() -> None:
    lines = lines_of(ASSETS, ["AAPL"], ["AAPL", "MSFT", "TSLA"]).to_pylist()

    assert lines == [
        {"named": "", "asset": NO_SYMBOL},
        {"named": "AAPL", "asset": "AAPL"},
        {"named": "TSLA", "asset": UNLISTED},
    ]


def test_rows_of_no_asset_are_counted_by_symbol_the_most_frequent_first() -> None:
    counts = unlisted_counts(ASSETS, {"AAPL": 9, "X": 1, "TSLA": 3, "": 2})

    assert counts == {UNLISTED: {"TSLA": 3, "X": 1}, NO_SYMBOL: {"": 2}}
    assert list(counts[UNLISTED]) == ["TSLA", "X"]


@pytest.mark.parametrize(
    ("line", "counts", "beginning"),
    [
        (UNLISTED, {"TSLA": 1}, "1 row has the symbol of no asset: TSLA (1); list the symbol in"),
        (NO_SYMBOL, {"": 2}, "2 rows have no symbol: name the column by columns"),
        (NO_SYMBOL, {"a\u200bb": 2}, r"2 rows have no symbol that an asset can have: a\u200bb (2)"),
    ],
)
def test_the_reason_says_how_many_rows_and_what_would_make_them_an_assets(
    line: str, counts: dict[str, int], beginning: str
) -> None:
    assert unlisted_reason(line, counts).startswith(beginning)


def test_rows_that_bronze_holds_already_count_as_deduplicated() -> None:
    ledger = unlisted_ledgers({UNLISTED: {"TSLA": 3}}, {UNLISTED: {"TSLA": 2}})[UNLISTED]

    assert (ledger.rows_in, ledger.promoted, ledger.deduplicated) == (3, 1, 2)
    assert ledger.status == "unlisted"
