"""Rows whose symbol is no asset, or no symbol at all: said, kept, and held against nobody."""

import pytest

from sentinel_lib.errors import GateBlocked
from sentinel_lib.pipeline import verdict
from sentinel_lib.records.stage import NO_SYMBOL, UNLISTED, StageOutcome
from sentinel_lib.storage.tables import Lake

AS_OF = "2024-01-06T00:00:00Z"
LATER = "2024-01-07T00:00:00Z"
NAMED = "symbol,timestamp,open,high,low,close,volume\n"
NAMELESS = "timestamp,open,high,low,close,volume\n"
DAYS = ("2024-01-02", "2024-01-03", "2024-01-04")


def bars(symbol=None, days=DAYS, close=11):
    first = "" if symbol is None else f"{symbol},"
    return "".join(f"{first}{day},10,12,9,{close},100\n" for day in days)


def quarantined(project, line):
    rows = Lake(project.data).read_or_empty("quarantine.bars").to_pylist()
    return [row for row in rows if row["asset"] == line]


def silver(project):
    rows = Lake(project.data).read_or_empty("silver.bars").to_pylist()
    return sorted((row["symbol"], str(row["timestamp"].date())) for row in rows)


def conditions(outcome, symbols):
    outcomes = [
        StageOutcome(name=name, status=record.status, record=record)
        for name, record in outcome.records.items()
    ]
    lines = verdict.asset_outcomes(outcomes, symbols)
    return verdict.conditions(outcomes, lines, "never"), lines


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        "\x07bell",
        *(
            pytest.param(symbol, marks=pytest.mark.thorough)
            for symbol in ("   ", "S" * 101, "a\u200bb", "(unlisted)")
        ),
    ],
)
def test_rows_without_a_usable_symbol_are_quarantined_and_the_others_go_on(project, symbol):
    path = project.inbox / "bars.csv"
    path.write_text(NAMED + bars(symbol, DAYS[:1]) + bars("AAPL"))

    outcome = project.run(AS_OF, input_path=str(path))

    assert outcome.errors == {}
    assert outcome.ledger("AAPL").promoted == 3
    [row] = quarantined(project, NO_SYMBOL)
    assert (row["file"], row["line"], row["rule"]) == (str(path), 2, "no_symbol")
    assert row["reason"].startswith(f"{path} line 2: symbol '")


def test_a_file_whose_every_row_lacks_a_symbol_is_stopped_at_the_gate(project):
    path = project.inbox / "bars.csv"
    path.write_text(NAMED + bars(""))

    outcome = project.run(AS_OF, input_path=str(path))

    assert isinstance(outcome.errors["ingest"], GateBlocked)
    assert "3 rows without one" in str(outcome.errors["ingest"])


def test_rows_of_no_asset_add_up_in_a_line_of_their_own_and_fail_nothing(project):
    (project.inbox / "bars.csv").write_text(
        NAMED + bars("AAPL") + bars("TSLA") + bars("", DAYS[:1])
    )
    project.assets({"AAPL": {"path": str(project.inbox)}}, source="files", calendar="weekdays")

    outcome = project.run(AS_OF)

    found, lines = conditions(outcome, ["AAPL"])
    assert found == []
    assert list(lines) == ["AAPL", UNLISTED, NO_SYMBOL]
    assert lines[UNLISTED].model_dump() == {
        "status": "unlisted",
        "rows_in": 3,
        "promoted": 0,
        "quarantined": 3,
        "deduplicated": 0,
        "freshness": "",
        "reason": "3 rows have the symbol of no asset: TSLA (3); list the symbol in assets.yaml, "
        "or set source_symbol of the asset that it is",
    }
    assert outcome.ledger(UNLISTED, "ingest").rows_in == 3
    assert outcome.records["validate"].quarantine == {"unlisted": 3, "no_symbol": 1}
    assert [row["line"] for row in quarantined(project, UNLISTED)] == [5, 6, 7]


@pytest.mark.thorough
def test_the_same_rows_of_no_asset_again_add_nothing(project):
    (project.inbox / "bars.csv").write_text(NAMED + bars("AAPL") + bars("TSLA"))
    project.assets({"AAPL": {"path": str(project.inbox)}}, source="files", calendar="weekdays")
    project.run(AS_OF)

    outcome = project.run(LATER)

    assert outcome.ledger(UNLISTED, "ingest").deduplicated == 3
    assert outcome.ledger(UNLISTED).deduplicated == 3
    assert len(quarantined(project, UNLISTED)) == 3


def test_the_gate_names_the_symbols_where_nothing_else_came(project):
    (project.inbox / "bars.csv").write_text(NAMED + bars("TSLA"))
    project.assets({"AAPL": {"path": str(project.inbox)}}, source="files", start="2024-02-01")

    outcome = project.run(AS_OF)

    assert isinstance(outcome.errors["ingest"], GateBlocked)
    assert "TSLA (3)" in str(outcome.errors["ingest"])


def test_an_asset_gets_the_rows_of_its_own_file_whatever_the_file_is_called(project):
    (project.inbox / "sp500.csv").write_text(NAMELESS + bars())
    path = str(project.inbox / "sp500.csv")
    project.assets({"SPX": {"path": path}}, source="files", calendar="weekdays")

    outcome = project.run(AS_OF)

    assert outcome.ledger("SPX").promoted == 3
    assert UNLISTED not in outcome.records["ingest"].assets


def test_an_own_file_inside_the_shared_folder_is_read_for_its_asset_alone(project):
    (project.inbox / "sp500.csv").write_text(NAMELESS + bars())
    (project.inbox / "AAPL.csv").write_text(NAMELESS + bars())
    shared = {"path": str(project.inbox)}
    assets = {"AAPL": shared, "MSFT": shared, "SPX": {"path": str(project.inbox / "sp500.csv")}}
    project.assets(assets, source="files", calendar="weekdays")

    outcome = project.run(AS_OF)

    assert {symbol for symbol, _ in silver(project)} == {"AAPL", "SPX"}
    assert UNLISTED not in outcome.records["ingest"].assets


@pytest.mark.thorough
def test_an_asset_whose_own_file_names_another_symbol_is_held_with_that_symbol(project):
    (project.inbox / "sp500.csv").write_text(NAMED + bars("^GSPC"))
    (project.inbox / "AAPL.csv").write_text(NAMELESS + bars())
    paths = {"SPX": "sp500.csv", "AAPL": "AAPL.csv"}
    assets = {symbol: {"path": str(project.inbox / name)} for symbol, name in paths.items()}
    project.assets(assets, source="files", start="2024-02-01", calendar="weekdays")

    outcome = project.run(AS_OF)

    held = outcome.ledger("SPX")
    assert held.status == "not_evaluated"
    assert "sp500.csv gave it no row: the symbols there are ^GSPC" in held.reason
    assert "source_symbol: ^GSPC" in held.reason
    assert outcome.ledger("AAPL").promoted == 3


def test_a_source_symbol_is_the_asset_also_in_its_own_file(project):
    path = str(project.inbox / "sp500.csv")
    (project.inbox / "sp500.csv").write_text(NAMED + bars("^GSPC"))
    project.assets({"SPX": {"path": path, "source_symbol": "^GSPC"}}, source="files")

    outcome = project.run(AS_OF)

    assert outcome.ledger("SPX").promoted == 3


@pytest.mark.thorough
def test_two_assets_of_one_file_each_get_the_rows_that_name_them(project):
    path = str(project.inbox / "both.csv")
    (project.inbox / "both.csv").write_text(NAMED + bars("A") + bars("B", close=10) + bars("C"))
    read_alike = {"A": {"path": path}, "B": {"path": path}}
    project.assets(read_alike, source="files", calendar="weekdays")

    outcome = project.run(AS_OF)

    assert outcome.ledger("A").promoted == outcome.ledger("B").promoted == 3
    assert outcome.ledger(UNLISTED).rows_in == 3


def test_two_assets_that_read_one_file_differently_do_not_read_each_others_rows(project):
    path = str(project.inbox / "both.csv")
    (project.inbox / "both.csv").write_text(
        NAMED + bars("A") + bars("B", ["01/02/2024", "01/03/2024"]) + bars("C")
    )
    assets = {"A": {"path": path}, "B": {"path": path, "date_format": "%m/%d/%Y"}}
    project.assets(assets, source="files", calendar="weekdays")

    outcome = project.run(AS_OF)

    assert (outcome.ledger("A").rows_in, outcome.ledger("A").promoted) == (3, 3)
    assert (outcome.ledger("B").rows_in, outcome.ledger("B").promoted) == (2, 2)
    assert outcome.ledger(UNLISTED).rows_in == 3


@pytest.mark.thorough
def test_rows_without_an_asset_are_judged_again_when_their_symbol_is_listed(project):
    own = {"path": str(project.inbox)}
    (project.inbox / "bars.csv").write_text(NAMED + bars("AAPL") + bars("^GSPC"))
    project.assets({"AAPL": own}, source="files", calendar="weekdays")
    project.run(AS_OF)
    listed = {"AAPL": own, "SPX": {**own, "source_symbol": "^GSPC"}}
    project.assets(listed, source="files", calendar="weekdays")
    (project.inbox / "bars.csv").unlink()

    outcome = project.run(LATER, archive="quarantine")

    assert outcome.errors == {}
    assert outcome.ledger("SPX").promoted == 3
    assert quarantined(project, UNLISTED) == []


@pytest.mark.thorough
def test_a_file_is_judged_again_when_an_asset_calls_it_its_own(project):
    (project.inbox / "sp500.csv").write_text(NAMELESS + bars())
    (project.inbox / "AAPL.csv").write_text(NAMELESS + bars())
    own = {"path": str(project.inbox)}
    project.assets({"AAPL": own}, source="files", calendar="weekdays")
    before = project.run(AS_OF)
    listed = {"AAPL": own, "SPX": {"path": str(project.inbox / "sp500.csv")}}
    project.assets(listed, source="files", calendar="weekdays")

    outcome = project.run(LATER, archive="quarantine")

    assert before.ledger(UNLISTED).quarantined == 3
    assert outcome.ledger("SPX").promoted == 3
    assert quarantined(project, UNLISTED) == []


@pytest.mark.thorough
def test_a_replay_of_nothing_but_rows_without_a_symbol_promotes_nothing_and_fails_nothing(project):
    (project.inbox / "bars.csv").write_text(NAMED + bars("AAPL") + bars(""))
    project.assets({"AAPL": {"path": str(project.inbox)}}, source="files", calendar="weekdays")
    project.run(AS_OF)

    outcome = project.run(LATER, archive="quarantine")

    assert outcome.errors == {}
    assert conditions(outcome, ["AAPL"])[0] == []
    assert len(quarantined(project, NO_SYMBOL)) == 3


@pytest.mark.thorough
def test_rows_of_assets_that_a_run_is_not_about_are_no_unlisted_ones(project):
    own = {"path": str(project.inbox)}
    (project.inbox / "bars.csv").write_text(NAMED + bars("AAPL") + bars("MSFT"))
    project.assets({"AAPL": own, "MSFT": own}, source="files", calendar="weekdays")

    outcome = project.run(AS_OF, assets="AAPL")

    assert list(outcome.records["validate"].assets) == ["AAPL"]
    assert quarantined(project, UNLISTED) == []


@pytest.mark.thorough
def test_very_many_rows_of_no_asset_are_not_explained_one_by_one(project):
    days = [
        f"{year}-{month:02}-{day:02}"
        for year in range(1900, 2020)
        for month in range(1, 13)
        for day in range(1, 29)
    ]
    (project.inbox / "bars.csv").write_text(
        NAMED + bars("AAPL") + "".join(bars(f"S{number}", days) for number in range(25))
    )
    project.assets({"AAPL": {"path": str(project.inbox)}}, source="files", calendar="weekdays")

    outcome = project.run(AS_OF, stages=["ingest", "validate"])

    assert outcome.ledger(UNLISTED).quarantined == len(days) * 25
    assert "S0 (40,320)" in outcome.ledger(UNLISTED).reason
    assert "and 20 more" in outcome.ledger(UNLISTED).reason
