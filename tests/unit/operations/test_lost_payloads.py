from __future__ import annotations

import json
from typing import Any

from sentinel_lib.operations.inspection import LostPayload


def fetch(run_id: str, *symbols: str) -> dict[str, Any]:
    place = {"source": "files", "locator": "inbox/bars.csv"}
    return {"run_id": run_id, "symbols": json.dumps(symbols), **place}


def test_a_lost_payload_names_its_symbols_its_file_and_the_last_run_that_fetched_it() -> None:
    lost = LostPayload("ab" * 32, "it has been altered", (fetch("run-002", "AAPL", "SPY"),))

    assert str(lost) == (
        "payload abababababab of AAPL, SPY (inbox/bars.csv, which run run-002 fetched from files) "
        "is lost: it has been altered"
    )


def test_one_that_did_not_come_again_says_what_cannot_be_built_without_it() -> None:
    fetches = tuple(fetch(run_id) for run_id in ("run-004", "run-003", "run-002", "run-001"))

    lost = LostPayload("ab" * 32, "it is gone", fetches, refusal="there is no such file")

    assert "of no symbol" in str(lost)
    assert "fetched again: there is no such file" in str(lost)
    assert "run run-004, run-003, run-002 and others cannot be built again" in str(lost)
