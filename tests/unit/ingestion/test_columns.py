from __future__ import annotations

import pytest

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion import columns

WHERE = "prices.csv"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["timestamp", "close"], {"timestamp": 0, "close": 1}),
        (["Date", "Close"], {"timestamp": 0, "close": 1}),
        (["Open Time", "CLOSE PRICE"], {"timestamp": 0, "close": 1}),
        (["Close", "DateTime"], {"timestamp": 1, "close": 0}),
        (["day", "last"], {"timestamp": 0, "close": 1}),
        (["", "Price"], {"timestamp": 0, "close": 1}),
        (["Unnamed: 0", "close"], {"timestamp": 0, "close": 1}),
        (["Unnamed: 0", "Date", "close"], {"timestamp": 1, "close": 2}),
        (["Ticker", "Date", "Close"], {"symbol": 0, "timestamp": 1, "close": 2}),
        (
            ["date", "open", "high", "low", "close", "Adj Close", "Vol."],
            {
                "timestamp": 0,
                "open": 1,
                "high": 2,
                "low": 3,
                "close": 4,
                "adj_close": 5,
                "volume": 6,
            },
        ),
        (["date", "value", "close"], {"timestamp": 0, "close": 2}),
        (["DATE", "DCOILWTICO"], {"timestamp": 0, "close": 1}),
        (["", "DATE", "DCOILWTICO"], {"timestamp": 1, "close": 2}),
        (["date", "note", "close"], {"timestamp": 0, "close": 2}),
    ],
)
def test_each_field_is_found_under_its_usual_names(
    names: list[str], expected: dict[str, int]
) -> None:
    found = columns.match(names, {}, WHERE)

    assert found == expected


def test_a_named_column_comes_before_the_aliases() -> None:
    found = columns.match(
        ["When", "Close", "Adj Close"], {"timestamp": "When", "close": "Adj Close"}, WHERE
    )

    assert found == {"timestamp": 0, "close": 2}


def test_adj_close_alone_does_not_become_the_close() -> None:
    with pytest.raises(SourceError, match="has no price column") as error:
        columns.match(["Date", "Adj Close"], {}, WHERE)

    assert "'Date', 'Adj Close'" in str(error.value)
    assert "columns: {close: ...}" in str(error.value)


@pytest.mark.parametrize(
    "names",
    [["Date", "Volume"], ["Date", "GDP", "CPI"], ["Date", "Volume", "GDP"], ["Date", ""]],
)
def test_no_price_is_guessed_where_there_is_a_choice(names: list[str]) -> None:
    with pytest.raises(SourceError, match=r"prices\.csv has no price column"):
        columns.match(names, {}, WHERE)


def test_a_file_without_a_time_says_what_columns_there_are() -> None:
    with pytest.raises(SourceError, match="has no timestamp column") as error:
        columns.match(["Price", "Quantity"], {}, WHERE)

    assert "'Price', 'Quantity'" in str(error.value)
    assert "columns: {timestamp: ...}" in str(error.value)


def test_an_unnamed_column_that_is_not_the_first_is_not_the_timestamp() -> None:
    with pytest.raises(SourceError, match="has no timestamp column"):
        columns.match(["close", ""], {}, WHERE)


def test_a_configured_column_that_is_missing_is_an_error() -> None:
    with pytest.raises(
        SourceError, match=r"no column 'Settle', which columns\.close names"
    ) as error:
        columns.match(["Date", "Close"], {"close": "Settle"}, WHERE)

    assert "'Date', 'Close'" in str(error.value)


@pytest.mark.parametrize(
    "names", [["Date", "Close", "close"], ["Date", "Time", "Close"], ["Time", "Day", "Close"]]
)
def test_two_columns_for_one_field_have_to_be_told_apart(names: list[str]) -> None:
    with pytest.raises(SourceError, match="more than one column"):
        columns.match(names, {}, WHERE)


def test_naming_the_time_settles_which_of_two_it_is() -> None:
    found = columns.match(["Date", "Time", "Close"], {"timestamp": "Date"}, WHERE)

    assert found == {"timestamp": 0, "close": 2}
