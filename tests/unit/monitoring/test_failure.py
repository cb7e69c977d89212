from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from sentinel_lib.monitoring.failure import CellError, cell_error, event_of
from sentinel_lib.records.stage import AssetLedger, StageOutcome, StageRecord

NOTEBOOK = "20_validate.ipynb"


def outcome(
    error_name: str, status: Literal["failed", "blocked"] = "failed", **given: Any
) -> StageOutcome:
    return StageOutcome(name="validate", status=status, error_name=error_name, **given)


def raised(line: int, value: str, code: str = "judge(rows)") -> CellError:
    cell = f"Cell In[{line}], line {line}\n----> {line} {code}"
    return CellError("ValueError", value, (cell, f"ValueError: {value}"))


def fingerprint(ended: StageOutcome, shown: CellError) -> list[str]:
    found = event_of(ended, NOTEBOOK, shown, ())["fingerprint"]
    assert isinstance(found, list)
    return found


def test_same_line_with_other_values_and_elsewhere_in_the_notebook_is_the_same_failure() -> None:
    ended = outcome("ValueError")

    assert fingerprint(ended, raised(3, "AAPL: 7 rows")) == fingerprint(ended, raised(9, "no rows"))


def test_another_line_or_another_error_is_another_failure() -> None:
    ended = outcome("ValueError")
    other_line = raised(3, "no rows", code="promote(rows)")

    assert fingerprint(ended, raised(3, "no rows")) != fingerprint(ended, other_line)
    assert fingerprint(ended, raised(3, "no rows")) != fingerprint(outcome("KeyError"), CellError())


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("BTC-USD: no price", "BTC-USD"),
        ("no price for AAPL.", "AAPL"),
        ("AAPL and BTC-USD have none", "AAPL, BTC-USD"),
        ("BTC-USDT and AAPLX and X.AAPL.Y", None),
        ("nothing came", None),
    ],
)
def test_assets_are_those_whose_names_the_error_speaks(words: str, named: str | None) -> None:
    event = event_of(outcome("ValueError", error=words), NOTEBOOK, CellError(), ("AAPL", "BTC-USD"))

    assert event["tags"].get("asset") == named


def test_assets_that_the_record_holds_back_stand_over_what_the_words_say() -> None:
    record = StageRecord(
        run_id="r1",
        stage="validate",
        as_of=datetime(2026, 11, 23, tzinfo=UTC),
        status="blocked",
        assets={"SPY": AssetLedger(status="blocked"), "AAPL": AssetLedger()},
    )
    ended = outcome("GateBlocked", "blocked", error="unlike AAPL", record=record)

    event = event_of(ended, NOTEBOOK, CellError(), ("AAPL", "SPY"))

    assert event["tags"]["asset"] == "SPY"


def test_tags_are_short_and_on_one_line() -> None:
    cell = 'In [3] under "Check":\n' + "x" * 300

    event = event_of(outcome("ValueError", cell=cell), NOTEBOOK, CellError(), ())

    assert len(event["tags"]["cell"]) == 200
    assert "\n" not in event["tags"]["cell"]


def test_error_whose_traceback_has_no_frames_keeps_it_as_text() -> None:
    shown = CellError("ValueError", "no", ("Traceback (most recent call last):\n  x = y\n",))

    event = event_of(outcome("ValueError"), NOTEBOOK, shown, ())

    assert "stacktrace" not in event["exception"]["values"][0]
    assert "x = y" in event["extra"]["traceback"]


def test_error_of_another_name_than_the_stage_ended_with_is_not_its_stack() -> None:
    event = event_of(outcome("StageError", error="no record"), NOTEBOOK, raised(3, "caught"), ())

    [error] = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("StageError", "validate: no record")
    assert "stacktrace" not in error


@pytest.mark.parametrize("content", [None, "", "{", '{"cells": [{"cell_type": "markdown"}]}'])
def test_notebook_that_shows_no_error_gives_an_empty_one(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "validate.ipynb"
    if content is not None:
        path.write_text(content)

    assert cell_error(path) == CellError()


def test_last_error_of_a_notebook_is_the_one(tmp_path: Path) -> None:
    outputs = [
        {"output_type": "error", "ename": name, "evalue": "no", "traceback": [name]}
        for name in ("KeyError", "ValueError")
    ]
    path = tmp_path / "validate.ipynb"
    path.write_text(json.dumps({"cells": [{"outputs": [one]} for one in outputs]}))

    assert cell_error(path) == CellError("ValueError", "no", ("ValueError",))
