"""Notebooks as an analyst runs them: cells again and again, and one stage after another."""

import json

import pytest

from sentinel_lib.cleaning.row_keys import KEY
from sentinel_lib.notebook_runner import code_cells as stored
from sentinel_lib.notebook_runner.code_cells import code_cells
from sentinel_lib.records.stage import Check
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.stages import open_stage
from sentinel_lib.storage.digest import content_digest
from sentinel_lib.storage.tables import Lake
from tests.integration.conftest import run_cells

FIRST = "2024-01-20T00:00:00Z"
SECOND = "2024-02-10T00:00:00Z"
NOTEBOOKS = sorted((PROJECT_ROOT / "notebooks").glob("*.ipynb"))
TABLES = {
    "bronze.bars": ("payload", "layout", "line"),
    "bronze.fetches": ("run_id", "payload"),
    "quarantine.bars": ("payload", "layout", "line"),
    "silver.bars": KEY,
    "gold.daily": ("symbol", "session"),
    "gold.aggregates": ("symbol",),
    "ops.checks": ("run_id", "stage", "name", "symbol"),
    "ops.stage_runs": ("run_id", "stage"),
}
FAULTS = {"nulls": 0.02, "duplicates": 0.02, "high_below_low": 0.02}


@pytest.fixture
def market(project):
    """A project with a good asset, one with faults, and a folder that holds rows of no asset."""
    text = "symbol,timestamp,open,high,low,close,volume\nTSLA,2024-01-03,10,12,9,11,100\n"
    (project.inbox / "bars.csv").write_text(text + text.splitlines()[1].replace("TSLA", "MSFT"))
    files = {"source": "files", "path": str(project.inbox)}
    project.assets({"GOOD": {}, "OTHER": {}, "BAD": {"faults": FAULTS}, "MSFT": files})
    return project


def twice(path, parameters):
    """Run the cells of a notebook, each two times in a row."""
    stored.run_cells([cell for cell in code_cells(path) for _ in range(2)], parameters)


def opened(project, name):
    """A stage as its notebook opens it by hand."""
    return open_stage(name, threads=0, **parameters(project, ""))


def parameters(project, run_id, as_of=""):
    folders = {"config_dir": str(project.config), "data_dir": str(project.data)}
    return {"run_id": run_id, "as_of": as_of, **folders}


def left_by(data, runs):
    """What runs left: their stages' records, and the content of the tables."""
    records = {
        f"{run}/{path.stem}": json.loads(path.read_text())
        for run in runs
        for path in (data / "ops" / "runs" / run).glob("*.json")
    }
    digests = {
        name: content_digest(Lake(data).read(name), key)
        for name, key in TABLES.items()
        if Lake(data).exists(name)
    }
    files = {path.name: path.read_bytes() for path in (data / "gold").glob("*.*")}
    return records, digests, files


@pytest.mark.thorough
def test_every_cell_of_every_notebook_can_be_run_twice_in_a_run(market, tmp_path):
    runs = {"run-001": FIRST, "run-002": SECOND}
    for run_id, as_of in runs.items():
        for path in NOTEBOOKS:
            run_cells(path, parameters(market, run_id, as_of))
    once = left_by(market.data, runs)
    market.data.rename(tmp_path / "once")

    for run_id, as_of in runs.items():
        for path in NOTEBOOKS:
            twice(path, parameters(market, run_id, as_of))

    assert left_by(market.data, runs) == once


@pytest.mark.thorough
def test_every_cell_of_every_notebook_can_be_run_twice_by_hand(market, tmp_path):
    market.run(FIRST)
    published = left_by(market.data, ["run-001"])
    for path in NOTEBOOKS:
        run_cells(path, parameters(market, "", SECOND if path == NOTEBOOKS[0] else ""))
    once = left_by(market.data / "sandbox", ["by-hand"])
    (market.data / "sandbox").rename(tmp_path / "once")

    for path in NOTEBOOKS:
        twice(path, parameters(market, "", SECOND if path == NOTEBOOKS[0] else ""))

    assert left_by(market.data / "sandbox", ["by-hand"]) == once
    assert left_by(market.data, ["run-001"]) == published


def test_a_gate_cell_that_is_run_again_replaces_its_checks_and_another_adds_its_own(market):
    market.run(FIRST, stages=["ingest"])
    stage = opened(market, "build_gold")
    first, other = (
        compile(f"stage.gate([Check(name='{name}', passed=True, table='t')])", name, "exec")
        for name in ("first cell", "other cell")
    )

    for code in (first, other, first, other, other):
        exec(code, {"stage": stage, "Check": Check})

    assert [check.name for check in stage.checks] == ["first cell", "other cell"]


@pytest.mark.thorough
def test_an_edit_of_one_stage_is_followed_into_the_next_ones_by_hand(market):
    market.run(FIRST)
    before = Lake(market.data).read("silver.bars")
    cell = "outcome = validate.held_back(resolved, verdicts)"
    edit = f"""from dataclasses import replace
verdicts["GOOD"] = replace(verdicts["GOOD"], status="blocked", reason="mine")
{cell}"""

    market.run(SECOND, stages=["ingest"], by_hand=True)
    market.run(stages=["validate"], by_hand=True, edits=[(cell, edit)])
    promoted = market.run(stages=["promote_silver"], by_hand=True)
    built = market.run(stages=["build_gold", "monitor"], by_hand=True)

    assert promoted.ledger("GOOD", "promote_silver").promoted == 0
    assert promoted.ledger("OTHER", "promote_silver").promoted == 21
    assert built.ledger("GOOD", "build_gold").rows_in == 19
    assert built.ledger("OTHER", "build_gold").rows_in == 40
    ages = built.records["monitor"].details.freshness
    assert f"{ages['OTHER'].max_loaded_at:%Y-%m-%d}" == "2024-02-09"
    assert Lake(market.data).read("silver.bars").equals(before)


@pytest.mark.thorough
def test_a_sandbox_older_than_the_last_run_is_not_read(market):
    market.run(FIRST)
    market.run(SECOND, stages=["ingest", "validate", "promote_silver"], by_hand=True)
    market.run(SECOND, stages=["ingest"])

    stage = opened(market, "build_gold")

    assert stage.input("silver.bars").root == market.data
    assert stage.origin == (
        "by hand, as of 2024-02-10T00:00:00Z: reads what is published by run run-003; "
        "writes the sandbox"
    )


@pytest.mark.thorough
def test_a_stage_says_which_stages_it_follows_by_hand(market):
    market.run(FIRST, stages=["ingest"])
    market.run(SECOND, stages=["ingest"], by_hand=True)

    stage = opened(market, "validate")

    assert stage.origin == (
        "by hand, as of 2024-02-10T00:00:00Z: reads the sandbox, where ingest ran by hand after "
        "run run-001; writes the sandbox"
    )
