"""Runs of each kind, written out, and a reader of the pages that the reports are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sentinel_lib.records.stage import (
    AssetLedger,
    Check,
    OffendingRow,
    RunRecord,
    StageOutcome,
    StageRecord,
)

AS_OF = datetime(2026, 11, 25, 22, 0, tzinfo=UTC)
VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})


class Page(HTMLParser):
    """A page taken apart. Reading it fails where a tag is not closed in its turn."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.html = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(self.html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._open += [] if tag in VOID else [tag]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append((" ".join(self._open), data))

    @property
    def text(self) -> str:
        return " ".join(" ".join(data for _, data in self.texts).split())

    def text_of(self, tag: str) -> list[str]:
        """The texts that stand somewhere inside a ``tag``."""
        return [data.strip() for inside, data in self.texts if tag in inside.split()]

    def attributes(self, tag: str, name: str) -> list[str]:
        return [attrs[name] for found, attrs in self.elements if found == tag and name in attrs]

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


@pytest.fixture
def read_page() -> Callable[[Path], Page]:
    return Page


def _run(run_id: str, **changes: object) -> RunRecord:
    values: dict[str, object] = {
        "run_id": run_id,
        "as_of": AS_OF,
        "started_at_utc": datetime(2026, 11, 25, 22, 0, 1, tzinfo=UTC),
        "finished_at_utc": datetime(2026, 11, 25, 22, 1, 5, tzinfo=UTC),
        "status": "ok",
        "exit_code": 0,
        "command": "python run_pipeline.py run --as-of 2026-11-25T22:00:00Z",
    }
    return RunRecord.model_validate(values | changes)


@pytest.fixture
def ok_run() -> RunRecord:
    ledger = AssetLedger(rows_in=1_210, promoted=1_200, quarantined=7, deduplicated=3)
    record = StageRecord(
        run_id="20261125T220001Z",
        stage="validate",
        as_of=AS_OF,
        status="ok",
        assets={"AAPL": ledger},
        checks=[
            Check(name="close is not null", passed=True, table="silver.bars"),
            Check(name="high is not below low", passed=True, table="silver.bars"),
        ],
        quarantine={"not_final": 2, "close_not_null": 5},
        artifacts={"aggregates.csv": "data/gold/aggregates.csv"},
    )
    return _run(
        "20261125T220001Z",
        stages=[
            StageOutcome(name="ingest", status="ok", seconds=1.26),
            StageOutcome(name="validate", status="ok", seconds=62.0, record=record),
        ],
        assets={
            "AAPL": {
                "status": "passed",
                "rows_in": 1_210,
                "promoted": 1_200,
                "quarantined": 7,
                "deduplicated": 3,
                "freshness": "fresh",
            }
        },
    )


@pytest.fixture
def degraded_run() -> RunRecord:
    record = StageRecord(
        run_id="20261125T230000Z",
        stage="ingest",
        as_of=AS_OF,
        status="degraded",
        assets={
            "AAPL": AssetLedger(rows_in=2, promoted=2),
            "XYZ": AssetLedger(status="unreachable", reason="kraken answered 503 three times"),
        },
    )
    return _run(
        "20261125T230000Z",
        started_at_utc=datetime(2026, 11, 25, 23, 0, tzinfo=UTC),
        finished_at_utc=datetime(2026, 11, 25, 23, 0, 9, tzinfo=UTC),
        status="degraded",
        exit_code=8,
        conditions=["1 of 2 assets held back"],
        stages=[StageOutcome(name="ingest", status="degraded", seconds=2.0, record=record)],
        assets={
            "AAPL": {"status": "passed", "rows_in": 2, "promoted": 2, "freshness": "fresh"},
            "XYZ": {"status": "unreachable", "rows_in": 0, "freshness": "late"},
        },
    )


@pytest.fixture
def blocked_run() -> RunRecord:
    rows = [
        OffendingRow(
            symbol="SPY",
            rule="high_not_below_low",
            reason=f"high 1.0 is below low 2.{number}",
            file="bars.csv",
            line=number,
        )
        for number in range(11, 18)
    ]
    record = StageRecord(
        run_id="20261126T000000Z",
        stage="validate",
        as_of=AS_OF,
        status="blocked",
        assets={
            "SPY": AssetLedger(status="blocked", reason="7 of 7 bars", rows_in=7, quarantined=7)
        },
        checks=[
            Check(name="columns are present", passed=True, table="bronze.bars"),
            Check(
                name="quarantined fraction",
                passed=False,
                table="silver.bars",
                symbol="SPY",
                observed="1.00",
                expected="at most 0.05",
            ),
        ],
        quarantine={"high_not_below_low": 7},
        offending_rows=rows,
    )
    return _run(
        "20261126T000000Z",
        started_at_utc=datetime(2026, 11, 26, tzinfo=UTC),
        finished_at_utc=datetime(2026, 11, 26, 0, 0, 30, tzinfo=UTC),
        status="failed",
        exit_code=4,
        conditions=["the silver gate let nothing through"],
        stages=[
            StageOutcome(name="ingest", status="ok", seconds=1.0),
            StageOutcome(
                name="validate",
                status="blocked",
                seconds=3.5,
                cell="In [9]",
                error_name="GateBlocked",
                error="The silver gate let nothing through.\n  observed: 7 of 7 bars refused\n"
                "  expected: at most 0.05 refused\n  next: correct bars.csv from line 11 on",
                record=record,
            ),
        ],
        assets={"SPY": {"status": "blocked", "rows_in": 7, "promoted": 0, "quarantined": 7}},
    )


@pytest.fixture
def crashed_run() -> RunRecord:
    return _run(
        "20261126T010000Z",
        started_at_utc=datetime(2026, 11, 26, 1, 0, tzinfo=UTC),
        finished_at_utc=datetime(2026, 11, 26, 1, 0, 2, tzinfo=UTC),
        status="failed",
        exit_code=1,
        command="",
        stages=[
            StageOutcome(
                name="ingest",
                status="failed",
                seconds=0.5,
                cell="In [3]",
                error_name="DeadKernelError",
                error="Kernel died",
            )
        ],
    )
