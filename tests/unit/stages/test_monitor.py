"""What the monitor makes of assets and records, from literal values: no run is needed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sentinel_lib.records.details import AssetFreshness
from sentinel_lib.records.stage import AssetLedger, Check, StageRecord
from sentinel_lib.settings.assets import Asset
from sentinel_lib.stages import monitor
from tests import handed_on

AS_OF = datetime(2024, 1, 3, tzinfo=UTC)


def age(**changes: Any) -> AssetFreshness:
    return AssetFreshness.model_validate(handed_on.freshness(**changes))


def record_of(stage: str, *, run_id: str = "r2", **content: Any) -> StageRecord:
    return StageRecord(run_id=run_id, stage=stage, as_of=AS_OF, status="ok", **content)


def test_each_asset_has_a_freshness_and_one_without_a_bar_is_unknown() -> None:
    terms = {"source": "simulated", "calendar": "24/7", "options": {}}
    assets = {
        symbol: Asset.model_validate({"symbol": symbol, **terms}) for symbol in ("NEW", "BTC")
    }
    last_bars = {"BTC": datetime(2024, 1, 2, tzinfo=UTC)}

    ages = monitor.asset_freshness(assets, last_bars, AS_OF, date(2024, 1, 1))

    assert [(symbol, state.status) for symbol, state in ages.items()] == [
        ("BTC", "fresh"),
        ("NEW", "unknown"),
    ]


def test_table_shows_the_assets_furthest_behind_first() -> None:
    ages = {"A": age(sessions_behind=0), "B": age(status="stale", sessions_behind=3)}

    assert list(monitor.shown(ages).symbol) == ["B", "A"]


def test_statuses_are_counted_with_their_assets() -> None:
    ages = {"A": age(), "B": age(status="stale"), "C": age()}

    rows = monitor.by_status(ages).to_numpy().tolist()

    assert rows == [["fresh", 2, "A, C"], ["stale", 1, "B"]]


def test_quality_is_of_validation_and_names_the_failed_checks_of_each_asset() -> None:
    failed = Check(name="gaps", passed=False, table="t", symbol="A", observed="2", expected="0")
    fetched = record_of("ingest", assets={"A": AssetLedger(rows_in=9, promoted=9)})
    ledger = AssetLedger(rows_in=4, promoted=3, quarantined=1)
    validated = record_of("validate", assets={"A": ledger}, checks=[failed])

    quality = monitor.asset_quality([fetched, validated])

    assert (quality["A"]["rows_in"], quality["A"]["quarantined_fraction"]) == (4, 0.25)
    assert quality["A"]["failed_checks"] == [{"name": "gaps", "observed": "2", "expected": "0"}]


def test_history_has_no_row_of_a_stage_that_another_run_executed() -> None:
    skipped = record_of("ingest", run_id="r1", quarantine={"not_null": 1})
    executed = record_of("validate", quarantine={"not_null": 2})

    rows = monitor.history_rows("r2", {}, [skipped, executed])

    assert [row["stage"] for row in rows["ops.stage_runs"]] == ["validate"]
    assert rows["ops.quarantine"] == [{"stage": "validate", "rule": "not_null", "rows": 2}]


def test_late_asset_has_the_cause_that_the_run_found() -> None:
    blocked = record_of("validate", assets={"A": AssetLedger(status="blocked")})
    ages = {"A": age(status="stale"), "B": age(status="late"), "C": age()}

    rows = monitor.history_rows("r2", ages, [blocked])["ops.freshness"]

    causes = {row["symbol"]: row["cause"] for row in rows}
    assert causes == {"A": "gate blocked", "B": "source late", "C": ""}
