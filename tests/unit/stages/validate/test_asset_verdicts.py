"""Each asset's verdict, from the record of ingest, the counts of its rows and its series."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sentinel_lib.cleaning.asset_counts import AssetCounts
from sentinel_lib.errors import StageError
from sentinel_lib.records.stage import AssetLedger, StageRecord
from sentinel_lib.rules.suites import Suite
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages.validate.verdicts import OF_QUARANTINED_ROWS, Verdict, asset_verdicts
from tests import handed_on

RULE = {"expect": "expect_column_values_to_not_be_null", "column": "close", "on_fail": "block"}
SUITE = Suite.model_validate({"table": "silver.bars", "rules": [RULE]})
GOOD = AssetCounts(rows_in=3, promoted=3)
ASSETS = {
    symbol: Asset.model_validate({"symbol": symbol, "source": "simulated", "options": {}})
    for symbol in ("AAPL", "MSFT")
}


def ingested(**assets: Any) -> StageRecord:
    return StageRecord(
        run_id="run-1",
        stage="ingest",
        as_of=datetime(2024, 1, 6, tzinfo=UTC),
        status="ok",
        assets={name: AssetLedger(**ledger) for name, ledger in assets.items()},
        details=handed_on.details("ingest", due_sessions={"AAPL": 1, "MSFT": 1}),
    )


def verdicts(record: StageRecord | None, **counts: AssetCounts) -> dict[str, Verdict]:
    return asset_verdicts(ASSETS, counts, {}, SUITE, record)


def test_an_asset_with_good_rows_passes_and_one_without_is_not_evaluated() -> None:
    judged = verdicts(ingested(), AAPL=GOOD)

    assert {symbol: verdict.status for symbol, verdict in judged.items()} == {
        "AAPL": "passed",
        "MSFT": "not_evaluated",
    }


def test_what_ingest_says_of_an_asset_without_rows_stands() -> None:
    record = ingested(MSFT={"status": "unreachable", "reason": "no answer"})

    assert verdicts(record, AAPL=GOOD)["MSFT"] == Verdict("unreachable", "no answer")


def test_rows_of_an_asset_that_ingest_has_blocked_are_held_whatever_they_are() -> None:
    record = ingested(AAPL={"status": "blocked", "reason": "drifted", "rows_in": 3, "promoted": 3})

    held = verdicts(record, AAPL=GOOD)["AAPL"]

    assert (held.status, held.reason) == ("blocked", "drifted")
    assert held.held_by not in OF_QUARANTINED_ROWS


def test_rows_of_no_asset_have_a_line_of_their_own() -> None:
    record = ingested(**{"(unlisted)": {"status": "unlisted", "reason": "2 rows are of no asset"}})

    assert verdicts(record, AAPL=GOOD)["(unlisted)"].status == "unlisted"


@pytest.mark.parametrize("record", [None, ingested().model_copy(update={"details": {}})])
def test_without_a_word_of_what_was_due_nothing_is_judged(record: StageRecord | None) -> None:
    with pytest.raises(StageError, match="recorded no due_sessions of AAPL, MSFT"):
        verdicts(record, AAPL=GOOD)
