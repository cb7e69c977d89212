from __future__ import annotations

import json

import pytest

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion.kraken import answer_in, bars_of

LOCATOR = "/0/public/OHLC?pair=XBTUSD"
ANSWER = b"""{"error":[],"result":{"XXBTZUSD":[
[1735689600,"93354.2","94929.8","92788.1","94384.2","93854.0","1058.16950721",35191],
[1735776000,"94384.2",97800.10,"94188.7","96852.0","96177.8","2218.97512",50000],
[1735862400,"96852.0","98956.8","96000.0","98136.5","97300.0","1200.5",40000]
],"last":1735776000}}"""


def test_rows_keep_the_text_that_kraken_sent() -> None:
    answer = answer_in(ANSWER, LOCATOR)

    rows = bars_of(answer, "BTC-USD").to_pylist()

    assert rows[1] == {
        "line": 2,
        "symbol": "BTC-USD",
        "timestamp": "1735776000",
        "open": "94384.2",
        "high": "97800.10",
        "low": "94188.7",
        "close": "96852.0",
        "volume": "2218.97512",
        "adj_close": None,
        "defect": None,
        "is_provisional": False,
    }


def test_rows_after_the_last_committed_one_are_provisional() -> None:
    answer = answer_in(ANSWER, LOCATOR)

    table = bars_of(answer, "BTC-USD")

    assert table.column("is_provisional").to_pylist() == [False, False, True]
    assert answer.first_time == 1_735_689_600


def test_no_rows_are_no_bars() -> None:
    answer = answer_in(b'{"error":[],"result":{"X":[],"last":0}}', LOCATOR)

    assert bars_of(answer, "X").num_rows == 0
    assert answer.first_time == 0


def test_a_row_of_another_shape_is_kept_as_a_defect() -> None:
    content = b'{"error":[],"result":{"X":[[1735689600,"1","2"],"what"],"last":1735689600}}'

    rows = bars_of(answer_in(content, LOCATOR), "X").to_pylist()

    assert [row["timestamp"] for row in rows] == ["1735689600", None]
    assert rows[0]["defect"] == '3 values where kraken sends 8: ["1735689600", "1", "2"]'
    assert rows[1]["defect"] == 'not a list of values where kraken sends 8: "what"'


def test_a_null_is_an_empty_text() -> None:
    content = (
        b'{"error":[],"result":{"X":[[1735689600,"1","2","1",null,"1","5",1]],"last":1735689600}}'
    )

    table = bars_of(answer_in(content, LOCATOR), "X")

    assert table.column("close").to_pylist() == [""]


@pytest.mark.parametrize(
    ("errors", "is_transient", "next_step"),
    [
        (["EQuery:Unknown asset pair"], False, "source_symbol"),
        (["EGeneral:Too many requests"], True, "run again"),
        (["EAPI:Rate limit exceeded"], True, "run again"),
        (["EService:Unavailable"], True, "run again"),
        (["EGeneral:Invalid arguments"], False, "run again"),
        (["EService:Busy", "EQuery:Unknown asset pair"], False, "source_symbol"),
    ],
)
def test_an_error_in_the_body_is_an_error_that_says_whether_to_ask_again(
    errors: list[str], is_transient: bool, next_step: str
) -> None:
    with pytest.raises(SourceError) as error:
        answer_in(json.dumps({"error": errors}).encode(), LOCATOR)

    assert errors[0] in str(error.value)
    assert next_step in str(error.value)
    assert error.value.is_transient is is_transient


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>Down for maintenance</html>", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "an unknown shape"),
        (b'"text"', "an unknown shape"),
        (b'{"error":[]}', "an unknown shape"),
        (b'{"error":[],"result":[]}', "an unknown shape"),
        (b'{"error":[],"result":{"X":[]}}', "an unknown shape"),
        (b'{"error":[],"result":{"X":[],"Y":[],"last":1}}', "an unknown shape"),
        (b'{"error":[],"result":{"X":{},"last":1}}', "an unknown shape"),
        (b'{"error":"EGeneral:Internal error"}', "EGeneral:Internal error"),
    ],
)
def test_anything_else_is_an_error_that_shows_what_came(content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        answer_in(content, LOCATOR)
