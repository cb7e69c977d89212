"""What holds for a whole page: escaped, bounded, well made, complete in itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from sentinel_lib.records.stage import AssetLedger, AssetOutcome, OffendingRow, RunRecord
from sentinel_lib.reporting.page import MAX_TABLE_ROWS, excerpt, render
from sentinel_lib.reporting.run_report import write_run_report

AGGREGATES = "symbol,sessions,latest_close\nAAPL,230,187.500000\n"
FRESHNESS = {"assets": {"AAPL": {"status": "fresh", "max_loaded_at": "2026-11-25T00:00:00Z"}}}


def write(run: RunRecord, folder: Path, **given: object) -> Path:
    nothing = {"previous": None, "aggregates_csv": None, "freshness": None}
    return write_run_report(run, folder, **(nothing | given))


def test_an_excerpt_says_how_much_it_leaves_out() -> None:
    assert excerpt([1, 2, 3], 2).rows == [1, 2]
    assert excerpt([1, 2, 3], 2).left_out == 1
    assert excerpt([1, 2], 2).left_out == 0


def test_a_value_that_a_page_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("history.html.j2")


HOSTILE = "<script>alert(1)</script>\"'&"


def test_report_escapes_everything_it_is_given(
    tmp_path: Path, read_page, blocked_run: RunRecord, ok_run: RunRecord
) -> None:
    stage = blocked_run.stages[1].model_copy(deep=True)
    assert stage.record is not None
    stage.name = stage.cell = stage.error_name = HOSTILE
    stage.error = f"{HOSTILE}\n  observed: {HOSTILE}\n  expected: {HOSTILE}\n  next: {HOSTILE}"
    stage.record.stage = HOSTILE
    stage.record.offending_rows = [
        OffendingRow(symbol=HOSTILE, rule=HOSTILE, reason=HOSTILE, file=HOSTILE, line=1)
    ]
    stage.record.checks[0].name = stage.record.checks[1].observed = HOSTILE
    stage.record.quarantine = {HOSTILE: 1}
    stage.record.artifacts = {HOSTILE: HOSTILE}
    stage.record.assets = {HOSTILE: AssetLedger(reason=HOSTILE)}
    run = blocked_run.model_copy(
        update={
            "command": HOSTILE,
            "conditions": [HOSTILE],
            "stages": [stage],
            "assets": {
                HOSTILE: AssetOutcome.model_construct(status=HOSTILE, freshness=HOSTILE),
                "B": AssetOutcome(status="blocked"),
            },
        }
    )
    hostile_freshness = {"assets": {HOSTILE: {"status": HOSTILE, "reason": HOSTILE}}}
    quoted = '"' + HOSTILE.replace('"', '""') + '"'

    path = write(
        run,
        tmp_path,
        previous=ok_run.model_copy(update={"run_id": HOSTILE}),
        aggregates_csv=f"symbol,{quoted}\n{quoted},{quoted}\n",
        freshness=hostile_freshness,
    )

    page = read_page(path)
    assert "script" not in page.tags()
    assert "<script" not in page.html
    assert page.text.count(HOSTILE) > 25


def test_report_of_thousands_of_assets_stays_small(
    tmp_path: Path, read_page, ok_run: RunRecord
) -> None:
    symbols = [f"S{number:04}" for number in range(3_000)]
    asset = ok_run.assets["AAPL"]
    run = ok_run.model_copy(
        update={"assets": dict.fromkeys(symbols, asset) | {"ZZZ": AssetOutcome(status="blocked")}}
    )
    aggregates = "symbol,sessions\n" + "".join(f"{symbol},1\n" for symbol in symbols)
    freshness = {"assets": {symbol: {"status": "fresh"} for symbol in symbols}}

    page = read_page(write(run, tmp_path, aggregates_csv=aggregates, freshness=freshness))

    assert len(page.html) < 200_000
    assert page.text.count("S0199") == 2
    assert page.text.count("S0198") == 3
    assert f"and {3_001 - MAX_TABLE_ROWS:,} more in this run's record" in page.text
    assert "and 2,800 more in aggregates.csv" in page.text
    assert "and 2,800 more in freshness.json" in page.text
    assert "All 3,001" in page.text
    assert page.text.index("ZZZ") < page.text.index("S0000")


@pytest.mark.parametrize("kind", ["ok_run", "degraded_run", "blocked_run", "crashed_run"])
def test_report_is_well_made_and_needs_nothing_from_outside(
    tmp_path: Path, read_page, kind: str, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(kind)

    page = read_page(write(run, tmp_path, aggregates_csv=AGGREGATES, freshness=FRESHNESS))

    tags = [tag for tag, _ in page.elements]
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    labels = [attrs["aria-labelledby"] for _, attrs in page.elements if "aria-labelledby" in attrs]
    assert (tags.count("h1"), tags.count("main"), tags.count("header")) == (1, 1, 1)
    assert tags.count("caption") == tags.count("table")
    assert set(labels) <= set(ids)
    assert len(ids) == len(set(ids))
    assert all("scope" in attrs for tag, attrs in page.elements if tag == "th")
    assert page.attributes("html", "lang") == ["en"]
    assert not [
        value
        for _, attrs in page.elements
        for name, value in attrs.items()
        if name in ("href", "src") and (":" in value or "//" in value) and value != "data:,"
    ]
    assert "url(" not in page.html
    assert "default-src 'none'" in page.attributes("meta", "content")[0]
