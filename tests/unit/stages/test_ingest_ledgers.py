from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from sentinel_lib.ingestion.fetches import Fetched, LoggedPayload, Parsed
from sentinel_lib.ingestion.raw_bars import STORED_RAW_BARS
from sentinel_lib.ingestion.source import Rejected
from sentinel_lib.records.payload import FetchFailure
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages import ingest
from sentinel_lib.stages.ingest.ledgers import Delivery

AS_OF = datetime(2026, 1, 5, tzinfo=UTC)
NO_ROWS = STORED_RAW_BARS.empty_table()


def asset(symbol: str, **terms: object) -> Asset:
    return Asset.model_validate({"symbol": symbol, "source": "simulated", "options": {}, **terms})


def logged(*symbols: str, locator: str = "A.csv") -> LoggedPayload:
    return LoggedPayload("sha", "layout", "files", locator, None, 1, 1, "iso", "UTC", symbols, ())


def bars(*symbols: str | None, payload: str = "sha") -> pa.Table:
    rows = [{"symbol": symbol, "payload": payload, "layout": "layout"} for symbol in symbols]
    return pa.Table.from_pylist(rows, schema=STORED_RAW_BARS)


def delivery(
    of: Asset,
    *,
    due: int = 0,
    fetched: Fetched | None = None,
    parsed: Parsed | None = None,
    drifted: dict[str, str] | None = None,
    is_replay: bool = False,
) -> Delivery:
    delivered = ingest.deliveries(
        {of.symbol: of},
        {of.symbol: due},
        fetched or Fetched(),
        parsed or Parsed(NO_ROWS),
        drifted or {},
        AS_OF,
        is_replay,
    )
    return delivered[of.symbol]


def test_rows_of_a_reading_that_bronze_holds_count_as_deduplicated() -> None:
    table = pa.concat_tables([bars("A", "A", None), bars("A", "B", payload="known")])

    counts = ingest.count_rows(Parsed(table), {("known", "layout")})
    ledgers = ingest.bronze_ledgers({"A": ("passed", "")}, counts, {"A": asset("A")})

    assert (ledgers["A"].rows_in, ledgers["A"].promoted, ledgers["A"].deduplicated) == (3, 2, 1)
    assert (ledgers["(unlisted)"].rows_in, ledgers["(unlisted)"].deduplicated) == (1, 1)
    assert (ledgers["(no symbol)"].rows_in, ledgers["(no symbol)"].deduplicated) == (1, 0)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"paused_until": "2026-02-01", "reason": "merger"}, ("paused", "merger")),
        ({}, ("unreachable", "no route")),
    ],
)
def test_a_pause_comes_before_a_failure(terms: dict[str, str], expected: Delivery) -> None:
    failed = Fetched(failures=[FetchFailure("A", "no route")])

    assert delivery(asset("A", **terms), due=3, fetched=failed) == expected


def test_an_asset_with_rows_has_passed_unless_a_drift_holds_it_back() -> None:
    parsed = Parsed(NO_ROWS, [logged("A")])

    assert delivery(asset("A"), parsed=parsed) == ("passed", "")
    assert delivery(asset("A"), parsed=parsed, drifted={"A": "drift"}) == ("blocked", "drift")


def test_a_payload_that_cannot_be_read_blocks_the_asset_it_is_named_after() -> None:
    parsed = Parsed(NO_ROWS, rejected=[Rejected("in/A.csv.gz", "damaged")])

    assert delivery(asset("A"), parsed=parsed) == ("blocked", "damaged")


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (1, ("not_evaluated", "1 session due and no row delivered: not evaluated")),
        (0, ("not_due", "no session is due")),
    ],
)
def test_no_row_is_not_evaluated_where_one_was_due(due: int, expected: Delivery) -> None:
    assert delivery(asset("A"), due=due) == expected


def test_an_own_file_with_other_symbols_says_which_to_set_but_in_a_replay() -> None:
    of_file = asset("A", source="files", options={"path": "/in/own.csv"})
    parsed = Parsed(NO_ROWS, [logged("X", "Y", locator="/in/own.csv")])

    status, reason = delivery(of_file, parsed=parsed)

    assert status == "not_evaluated"
    assert reason == (
        "/in/own.csv gave it no row: the symbols there are X, Y; "
        "set source_symbol: X if that is this asset"
    )
    assert delivery(of_file, parsed=parsed, is_replay=True) == ("not_due", "no session is due")
