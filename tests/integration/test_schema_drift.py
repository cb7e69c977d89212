"""Source columns that change between two batches, through the stages as they are."""

import json

import pandas as pd
import pytest

from sentinel_lib.errors import GateBlocked
from sentinel_lib.storage.tables import Lake

AS_OF = "2024-01-{:02}T00:00:00Z"
HEADER = "Date,Open,High,Low,Close,Volume"
DAYS = (2, 3, 4, 5)


def rows(last, row="2024-01-{day:02},10,12,9,11,100"):
    return [row.format(day=day) for day in DAYS if day <= last]


def write(project, name, last, header=HEADER, row="2024-01-{day:02},10,12,9,11,100"):
    (project.inbox / name).write_text("\n".join([header, *rows(last, row), ""]))


def run(project, last):
    return project.run(AS_OF.format(last + 1), input_path=str(project.inbox))


def drift_checks(outcome):
    return [one for one in outcome.records["ingest"].checks if one.name.startswith("schema drift")]


@pytest.fixture
def loaded(project):
    """A project that has taken in two sessions of AAPL and MSFT, a file each."""
    write(project, "AAPL.csv", 3)
    write(project, "MSFT.csv", 3)
    outcome = run(project, 3)
    assert outcome.errors == {}
    assert drift_checks(outcome) == []
    return project


def test_the_fetch_log_keeps_the_columns_of_every_payload(loaded):
    fetches = Lake(loaded.data).read("bronze.fetches").to_pylist()

    assert [list(json.loads(one["symbols"])) for one in fetches] == [["AAPL"], ["MSFT"]]
    assert json.loads(fetches[0]["columns"])["Date"] == {"fields": ["timestamp"], "kind": "date"}
    assert json.loads(fetches[0]["columns"])["Close"] == {"fields": ["close"], "kind": "number"}


def test_the_same_files_again_have_not_drifted(loaded):
    outcome = run(loaded, 3)

    [check] = drift_checks(outcome)
    assert (check.passed, check.symbol) == (True, "")
    assert check.observed == "2 of 2 payloads compared, no column changed"


def test_a_file_with_more_sessions_and_the_same_columns_has_not_drifted(loaded):
    write(loaded, "AAPL.csv", 4)

    outcome = run(loaded, 4)

    assert [check.passed for check in drift_checks(outcome)] == [True]
    assert outcome.ledger("AAPL").promoted == 1


def test_a_new_column_warns_and_holds_nothing_back(loaded):
    write(loaded, "AAPL.csv", 4, f"{HEADER},Dividends", "2024-01-{day:02},10,12,9,11,100,0.5")

    outcome = run(loaded, 4)

    [check] = drift_checks(outcome)
    assert (check.symbol, check.passed, check.blocks) == ("AAPL", False, False)
    assert "new 'Dividends' (number, not read)" in check.observed
    assert "Volume (number)" in check.expected
    assert outcome.records["ingest"].status == "ok"
    assert outcome.ledger("AAPL").promoted == 1


@pytest.mark.thorough
def test_a_missing_volume_holds_back_its_asset_alone_and_says_what_to_do(loaded):
    write(loaded, "AAPL.csv", 4, "Date,Open,High,Low,Close", "2024-01-{day:02},10,12,9,11")
    write(loaded, "MSFT.csv", 4)

    outcome = run(loaded, 4)

    assert outcome.errors == {}
    assert outcome.records["ingest"].status == "degraded"
    assert outcome.ledger("AAPL").status == "blocked"
    reason = outcome.ledger("AAPL").reason
    assert "AAPL.csv: missing 'Volume' (number, read as volume)" in reason
    assert "Close (number)" in reason
    assert "schema_drift: {missing: warn} in expectations/bronze.yaml" in reason
    assert (outcome.ledger("MSFT").status, outcome.ledger("MSFT").promoted) == ("passed", 1)


@pytest.mark.thorough
def test_good_rows_of_a_drifted_file_are_quarantined_with_the_reason(loaded):
    loaded.rules("bronze", schema_drift={"new": "block"})
    write(loaded, "AAPL.csv", 4, f"{HEADER},Dividends", "2024-01-{day:02},10,12,9,11,100,0.5")

    outcome = run(loaded, 4)

    ledger = outcome.ledger("AAPL")
    assert (ledger.rows_in, ledger.promoted, ledger.quarantined) == (3, 0, 1)
    assert ledger.deduplicated == 2
    [row] = Lake(loaded.data).read("quarantine.bars").to_pylist()
    assert (row["rule"], row["timestamp"]) == ("held_back", "2024-01-04")
    assert "new 'Dividends'" in row["reason"]


def test_no_row_of_a_drifted_file_changes_silver(loaded):
    write(loaded, "AAPL.csv", 4, "Date,Open,High,Low,Close", "2024-01-{day:02},10,12,9,10")

    run(loaded, 4)

    silver = Lake(loaded.data).read("silver.bars").to_pylist()
    closes = [(row["timestamp"].day, row["close"]) for row in silver if row["symbol"] == "AAPL"]
    assert sorted(closes) == [(2, 11), (3, 11)]


def test_a_close_turned_into_text_holds_its_asset_back(loaded):
    write(loaded, "AAPL.csv", 4, row="2024-01-{day:02},10,12,9,eleven,100")

    outcome = run(loaded, 4)

    [check] = drift_checks(outcome)
    assert check.name == "schema drift: retyped columns"
    assert (check.passed, check.blocks) == (False, True)
    assert "'Close' (read as close) is text and was number" in outcome.ledger("AAPL").reason
    assert outcome.ledger("MSFT").status == "passed"


@pytest.mark.thorough
def test_a_refused_schema_sets_no_standard(loaded):
    write(loaded, "AAPL.csv", 4, "Date,Open,High,Low,Close", "2024-01-{day:02},10,12,9,11")
    run(loaded, 4)

    again = run(loaded, 4)
    write(loaded, "AAPL.csv", 5)
    mended = run(loaded, 5)

    assert again.ledger("AAPL").status == "blocked"
    assert "run run-001" in again.ledger("AAPL").reason
    assert [check.passed for check in drift_checks(mended)] == [True]
    assert mended.ledger("AAPL").promoted == 2


@pytest.mark.thorough
def test_a_change_accepted_for_one_run_is_the_new_standard(loaded):
    write(loaded, "AAPL.csv", 4, "Date,Close", "2024-01-{day:02},11")
    loaded.assets({"AAPL": {"fields": "close"}, "MSFT": {}}, source="files", calendar="weekdays")
    loaded.rules("bronze", schema_drift={"missing": "warn"})

    accepted = run(loaded, 4)
    loaded.rules("bronze", schema_drift={"missing": "block"})
    after = run(loaded, 4)

    assert accepted.ledger("AAPL").status == "passed"
    assert [check.blocks for check in drift_checks(accepted)] == [False]
    assert [check.passed for check in drift_checks(after)] == [True]


def test_a_change_of_every_asset_stops_the_run_at_the_gate(loaded):
    for name in ("AAPL.csv", "MSFT.csv"):
        write(loaded, name, 4, "Date,Open,High,Low,Close", "2024-01-{day:02},10,12,9,11")

    outcome = run(loaded, 4)

    assert list(outcome.errors) == ["ingest"]
    assert isinstance(outcome.errors["ingest"], GateBlocked)
    assert "missing 'Volume'" in str(outcome.errors["ingest"])


def test_an_allowed_change_is_noted_and_passes(loaded):
    loaded.rules("bronze", schema_drift={"new": "allow"})
    write(loaded, "AAPL.csv", 4, f"{HEADER},Dividends", "2024-01-{day:02},10,12,9,11,100,0.5")

    outcome = run(loaded, 4)

    [check] = drift_checks(outcome)
    assert (check.passed, check.blocks, check.symbol) == (True, False, "AAPL")
    assert "new 'Dividends'" in check.observed


@pytest.mark.thorough
def test_a_run_that_was_killed_after_ingest_sets_no_standard(loaded):
    write(loaded, "AAPL.csv", 4, f"{HEADER},Dividends", "2024-01-{day:02},10,12,9,11,100,0.5")
    loaded.run(AS_OF.format(5), input_path=str(loaded.inbox), stages=["ingest"])

    outcome = run(loaded, 4)

    [check] = drift_checks(outcome)
    assert "new 'Dividends'" in check.observed


def test_a_file_by_another_name_is_compared_by_its_asset(loaded):
    (loaded.inbox / "AAPL.csv").unlink()
    write(loaded, "apple.csv", 4, "Ticker,Date,Close", "AAPL,2024-01-{day:02},11")

    outcome = run(loaded, 4)

    assert "missing 'High'" in outcome.ledger("AAPL").reason
    assert "AAPL.csv in run run-001" in outcome.ledger("AAPL").reason


@pytest.mark.thorough
def test_a_parquet_column_of_another_type_is_a_drift(project):
    frame = pd.DataFrame({"Date": pd.to_datetime(["2024-01-02", "2024-01-03"]), "Close": [1.0, 2]})
    project.assets({"OIL": {"fields": "close"}}, source="files", calendar="weekdays")
    frame.to_parquet(project.inbox / "OIL.parquet")
    run(project, 3)
    frame.astype({"Close": str}).to_parquet(project.inbox / "OIL.parquet")

    outcome = run(project, 3)

    assert "'Close' (read as close) is text and was number" in str(outcome.errors["ingest"])


@pytest.mark.thorough
def test_simulated_bars_never_drift_whatever_their_values(project):
    project.assets({"A": {"faults": {"wrong_types": 0.9}}, "B": {}})
    project.run("2024-02-01T00:00:00Z")

    outcome = project.run("2024-02-03T00:00:00Z")

    assert [check.passed for check in drift_checks(outcome)] == [True]
