from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sentinel_lib.records.stage import (
    HELD_BACK,
    AssetLedger,
    AssetOutcome,
    AssetStatus,
    Check,
    OffendingRow,
    RunRecord,
    StageOutcome,
    StageRecord,
)
from tests import handed_on

AS_OF = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("promoted", "quarantined", "deduplicated", "unexplained"),
    [(5, 3, 2, 0), (5, 3, 1, 1), (10, 0, 0, 0), (10, 1, 0, -1), (0, 0, 0, 10)],
)
def test_rows_that_came_out_nowhere_are_unexplained(
    promoted: int, quarantined: int, deduplicated: int, unexplained: int
) -> None:
    ledger = AssetLedger(
        rows_in=10, promoted=promoted, quarantined=quarantined, deduplicated=deduplicated
    )

    assert ledger.unexplained == unexplained


@given(
    promoted=st.integers(0, 10**9), quarantined=st.integers(0, 10**9), again=st.integers(0, 10**9)
)
def test_ledger_whose_parts_add_up_explains_every_row(
    promoted: int, quarantined: int, again: int
) -> None:
    ledger = AssetLedger(
        rows_in=promoted + quarantined + again,
        promoted=promoted,
        quarantined=quarantined,
        deduplicated=again,
    )

    assert ledger.unexplained == 0


def test_assets_held_back_are_those_without_a_verdict_in_their_favour() -> None:
    assert set(get_args(AssetStatus)) - HELD_BACK == {"passed", "not_due", "paused", "unlisted"}


def full_record() -> StageRecord:
    return StageRecord(
        run_id="r1",
        stage="validate",
        as_of=AS_OF,
        status="degraded",
        assets={"AAPL": AssetLedger(status="blocked", reason="2 of 3 rows", rows_in=3)},
        checks=[Check(name="not_null(close)", passed=False, table="silver.bars", symbol="AAPL")],
        quarantine={"not_null(close)": 2},
        offending_rows=[
            OffendingRow(symbol="AAPL", rule="not_null", reason="no value", file="a.csv", line=3)
        ],
        artifacts={"aggregates.csv": "data/gold/aggregates.csv"},
        details=handed_on.details("validate", follows="", note={"fraction": 0.5}),
    )


def test_stage_record_survives_a_round_trip_through_json() -> None:
    record = full_record()

    assert StageRecord.model_validate_json(record.model_dump_json()) == record


def test_run_record_survives_a_round_trip_through_json() -> None:
    stage = StageOutcome(name="validate", status="degraded", seconds=1.25, record=full_record())
    record = RunRecord(
        run_id="r1",
        as_of=AS_OF,
        started_at_utc=AS_OF,
        finished_at_utc=AS_OF,
        status="degraded",
        exit_code=8,
        conditions=["AAPL is blocked"],
        stages=[stage],
        assets={"AAPL": AssetOutcome(status="blocked", rows_in=3)},
    )

    assert RunRecord.model_validate_json(record.model_dump_json()) == record


def test_each_record_starts_with_lists_of_its_own() -> None:
    one, other = (
        StageRecord(run_id=run_id, stage="ingest", as_of=AS_OF, status="ok")
        for run_id in ("r1", "r2")
    )

    one.checks.append(Check(name="rows", passed=True, table="bronze.bars"))

    assert other.checks == []


@pytest.mark.parametrize(
    ("key", "written"),
    [("status", "fine"), ("as_of", "yesterday"), ("assets", {"AAPL": {"rows": 1}}), ("extra", 1)],
)
def test_stage_record_refuses_what_it_does_not_know(key: str, written: object) -> None:
    content = {"run_id": "r1", "stage": "ingest", "as_of": AS_OF, "status": "ok", key: written}

    with pytest.raises(ValidationError, match=key):
        StageRecord.model_validate(content)


@pytest.mark.parametrize("key", ["run_id", "stage", "as_of", "status"])
def test_stage_record_is_nothing_without_its_identity(key: str) -> None:
    content = full_record().model_dump()
    del content[key]

    with pytest.raises(ValidationError, match=key):
        StageRecord.model_validate(content)
