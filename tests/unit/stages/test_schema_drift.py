from __future__ import annotations

import json

import pytest

from sentinel_lib.ingestion.fetches import LoggedPayload
from sentinel_lib.ingestion.source_columns import SourceColumn
from sentinel_lib.rules.suites import SchemaDrift
from sentinel_lib.stages.ingest.schema_drift import (
    ColumnChange,
    ComparedPayload,
    GoodFetch,
    column_changes,
    drift_checks,
    held_by_drift,
)

DATE = SourceColumn("Date", "date", ("timestamp",))
CLOSE = SourceColumn("Close", "number", ("close",))
VOLUME = SourceColumn("Volume", "number", ("volume",))
ADJUSTED = SourceColumn("Adj Close", "number", ("adj_close",))
NOTE = SourceColumn("Note", "text")

NEEDED = ("symbol", "timestamp", "close", "volume")
STRICT = SchemaDrift(new="block", missing="block", retyped="block")


def changes(
    before: list[SourceColumn],
    now: list[SourceColumn],
    config: SchemaDrift = STRICT,
    needed: tuple[str, ...] = NEEDED,
) -> list[tuple[str, str, str]]:
    found = column_changes(before, now, needed, config)
    return [(one.kind, one.column.name, one.does) for one in found]


def compared(*, does: str = "block", assets: tuple[str, ...] = ("A",)) -> ComparedPayload:
    payload = LoggedPayload(
        "sha", "layout", "files", "A.csv", None, 1, 1, "iso", "UTC", assets, (DATE, CLOSE)
    )
    change = ColumnChange("missing", VOLUME, "number", does)  # type: ignore[arg-type]
    before = GoodFetch("run-1", "A.csv", (DATE, CLOSE, VOLUME))
    return ComparedPayload(payload, before, assets, (change,))


def test_the_same_columns_in_another_order_have_not_changed() -> None:
    assert changes([DATE, CLOSE], [CLOSE, DATE]) == []


def test_new_missing_and_retyped_columns_are_told_apart() -> None:
    text = SourceColumn("Close", "text", ("close",))

    found = changes([DATE, CLOSE, VOLUME], [DATE, text, ADJUSTED])

    assert found == [
        ("new", "Adj Close", "block"),
        ("missing", "Volume", "block"),
        ("retyped", "Close", "block"),
    ]


def test_a_renamed_column_is_a_missing_one_and_a_new_one() -> None:
    renamed = SourceColumn("Closing Price", "number", ("close",))

    found = changes([DATE, CLOSE], [DATE, renamed])

    assert found == [("new", "Closing Price", "block"), ("missing", "Close", "block")]


@pytest.mark.parametrize("column", [NOTE, ADJUSTED])
def test_a_missing_column_that_no_asset_needs_only_warns(column: SourceColumn) -> None:
    assert changes([DATE, CLOSE, column], [DATE, CLOSE]) == [("missing", column.name, "warn")]


def test_a_missing_column_of_a_field_that_no_asset_declares_only_warns() -> None:
    found = changes([DATE, CLOSE, VOLUME], [DATE, CLOSE], needed=("timestamp", "close"))

    assert found == [("missing", "Volume", "warn")]


def test_a_retyped_column_that_no_field_is_read_from_only_warns() -> None:
    found = changes([DATE, CLOSE, NOTE], [DATE, CLOSE, SourceColumn("Note", "number")])

    assert found == [("retyped", "Note", "warn")]


def test_a_column_that_is_now_of_the_kind_its_field_has_only_warns() -> None:
    was = SourceColumn("Close", "text", ("close",))

    assert changes([DATE, was], [DATE, CLOSE]) == [("retyped", "Close", "warn")]


@pytest.mark.parametrize("kinds", [("number", "empty"), ("empty", "text")])
def test_a_column_without_any_value_is_of_no_other_kind(kinds: tuple[str, str]) -> None:
    was, now = (SourceColumn("Close", kind, ("close",)) for kind in kinds)

    assert changes([DATE, was], [DATE, now]) == []


def test_what_is_allowed_stays_allowed_for_columns_that_nobody_needs() -> None:
    found = changes([DATE, NOTE], [DATE], SchemaDrift(missing="allow"))

    assert found == [("missing", "Note", "allow")]


def test_an_empty_column_is_logged_with_the_kind_it_had() -> None:
    one = compared()
    empty = SourceColumn("Close", "empty", ("close",))
    payload = LoggedPayload(
        "sha", "layout", "files", "A.csv", None, 1, 1, "iso", "UTC", ("A",), (DATE, empty)
    )

    logged = json.loads(ComparedPayload(payload, one.before).columns)

    assert logged["Close"]["kind"] == "number"
    assert json.loads(ComparedPayload(payload, None).columns)["Close"]["kind"] == "empty"


def test_a_blocked_payload_holds_back_each_of_its_assets_with_a_reason() -> None:
    held = held_by_drift([compared(assets=("A", "B"))])

    assert list(held) == ["A", "B"]
    assert held["A"] == (
        "schema drift in A.csv: missing 'Volume' (number, read as volume); expected the columns "
        "of A.csv in run run-1: Date (date), Close (number), Volume (number); fix the payload, or "
        "accept it: run once with schema_drift: {missing: warn} in expectations/bronze.yaml"
    )


@pytest.mark.parametrize(
    ("does", "passed", "blocks"),
    [("allow", True, False), ("warn", False, False), ("block", False, True)],
)
def test_a_change_is_a_check_of_each_asset(does: str, passed: bool, blocks: bool) -> None:
    checks = drift_checks([compared(does=does, assets=("A", "B"))])

    assert [(one.symbol, one.passed, one.blocks) for one in checks] == [
        ("A", passed, blocks),
        ("B", passed, blocks),
    ]
    assert held_by_drift([compared(does=does)]).keys() == ({"A"} if blocks else set())


def test_without_anything_to_compare_nothing_is_said_to_have_passed() -> None:
    payload = compared().payload

    assert drift_checks([ComparedPayload(payload, None, ("A",))]) == []
    assert drift_checks([]) == []
