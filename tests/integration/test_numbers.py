"""Small, long and large numbers, from a file to Gold."""

import csv
from datetime import UTC, datetime

import pytest

from sentinel_lib.operations.rollback import rollback
from sentinel_lib.storage.tables import Lake

AS_OF = "2026-06-15T22:00:00Z"
DAYS = [f"2026-06-{day:02}" for day in range(1, 15)]


@pytest.fixture
def deliver(project):
    """Put a file of bars for an asset into the inbox: lines of open, high, low, close, volume."""

    def write(symbol, lines):
        rows = [f"{day},{line}" for day, line in zip(DAYS, lines, strict=False)]
        text = "\n".join(["Date,Open,High,Low,Close,Volume", *rows, ""])
        (project.inbox / f"{symbol}.csv").write_text(text)

    inbox = {"source": "files", "path": str(project.inbox)}
    project.assets({"TINY": inbox, "SOUND": inbox})
    write("SOUND", ["10,12,9,11,100"] * len(DAYS))
    return write


def failed_checks(outcome, stage="validate"):
    return {check.name: check for check in outcome.records[stage].checks if not check.passed}


def closes(project, symbol, table="silver.bars"):
    time = "session" if table == "gold.daily" else "timestamp"
    rows = Lake(project.data).read(table).sort_by(time).to_pylist()
    return [f"{row['close']:f}".rstrip("0") for row in rows if row["symbol"] == symbol]


@pytest.mark.thorough
def test_price_of_a_billionth_is_kept_as_the_source_wrote_it(project, deliver):
    written = [f"0.00000000{12508 + day}" for day in range(14)]
    deliver("TINY", [f"0.000000001,0.000000002,1e-10,{close},1e15" for close in written])

    outcome = project.run(AS_OF)

    assert outcome.errors == {}
    assert failed_checks(outcome) == {}
    assert closes(project, "TINY") == [text.rstrip("0") for text in written]
    assert closes(project, "TINY", "gold.daily") == [text.rstrip("0") for text in written]


@pytest.mark.thorough
def test_values_with_more_than_eighteen_decimals_are_rounded_counted_and_said(project, deliver):
    fine = "1.0000000000000000005"
    deliver("TINY", [f"1,2,0.5,{fine if at > 11 else 1},{fine if at else 7}" for at in range(14)])

    outcome = project.run(AS_OF)

    assert outcome.ledger("TINY").status == "passed"
    check = failed_checks(outcome)["decimals"]
    assert (check.symbol, check.blocks) == ("TINY", False)
    assert check.observed == (
        f"rounded 13 rows, in close, volume; one of them: close={fine} volume={fine}"
    )
    assert closes(project, "TINY")[-1] == "1.000000000000000001"


@pytest.mark.thorough
def test_volume_that_no_table_holds_keeps_its_asset_out_of_gold_and_no_other(project, deliver):
    inbox = {"source": "files", "path": str(project.inbox)}
    project.assets({"TINY": {**inbox, "interval": "4h"}, "SOUND": inbox})
    bars = [f"2026-06-13T{hour:02}:00Z,10,12,9,11,6e19" for hour in (0, 4, 8, 12, 16, 20)]
    text = "\n".join(["Date,Open,High,Low,Close,Volume", *bars, ""])
    (project.inbox / "TINY.csv").write_text(text)

    outcome = project.run(AS_OF)

    held = outcome.ledger("TINY", "build_gold")
    assert held.status == "blocked"
    assert "more than 20 digits before the point on 2026-06-13" in held.reason
    assert outcome.ledger("SOUND", "build_gold").status == "passed"
    assert closes(project, "TINY", "gold.daily") == []


def figures(project):
    """What ``aggregates.csv`` says, by symbol."""
    text = (project.data / "gold" / "aggregates.csv").read_text()
    return {row["symbol"]: row for row in csv.DictReader(text.splitlines())}


@pytest.mark.thorough
def test_figures_of_a_token_far_below_one_are_written_with_ten_significant_digits(project, deliver):
    closes = ["0.00000820956"] * 12 + ["0.00000830756000", "0.00000830856000"]
    volume = "123456789012419.12345678"
    deliver("TINY", [f"0.000008194,0.000009074,0.000008074,{close},{volume}" for close in closes])

    project.run(AS_OF)

    tiny, sound = figures(project)["TINY"], figures(project)["SOUND"]
    assert (tiny["latest_close"], tiny["change_1d_pct"]) == ("0.000008308560000", "0.012037")
    assert tiny["latest_volume"] == "123456789012419.12345678"
    assert (sound["latest_close"], sound["latest_volume"]) == ("11.000000", "100")


def test_change_is_empty_where_the_session_before_the_latest_is_missing(project):
    lines = ["2026-06-10,1,1,1,1,1", "2026-06-11,1,1,1,1,1", "2026-06-15,2,2,2,2,1"]
    inbox = {"source": "files", "path": str(project.inbox), "gaps": "warn"}
    project.assets({"WHOLE": {**inbox, "calendar": "XNYS"}, "HOLE": {**inbox, "calendar": "XNYS"}})
    for symbol, written in (("HOLE", lines), ("WHOLE", [*lines, "2026-06-12,1,1,1,1,1"])):
        text = "\n".join(["Date,Open,High,Low,Close,Volume", *written, ""])
        (project.inbox / f"{symbol}.csv").write_text(text)

    project.run(AS_OF)

    changes = {symbol: row["change_1d_pct"] for symbol, row in figures(project).items()}
    assert changes == {"WHOLE": "100.000000", "HOLE": ""}


INCOMPLETE = (
    "checks = build_gold.completeness(",
    "daily = daily.filter((daily.symbol != 'TINY') | (daily.session < '2026-06-14'))\n"
    "checks = build_gold.completeness(",
)
NEW_METRIC = (
    "metrics = [\n",
    "first_close = gold_metrics.unit('price')(lambda daily: float(daily['close'].iloc[0]))\n"
    "first_close.__name__ = 'first_close'\nmetrics = [\n    first_close,\n",
)
NO_VWAP = (
    "    gold_metrics.vwap_20d, gold_metrics.latest_volume,\n",
    "    gold_metrics.latest_volume,\n",
)


@pytest.mark.thorough
def test_new_metric_of_an_asset_that_is_held_back_is_made_of_its_last_good_sessions(
    project, deliver
):
    deliver("TINY", [f"{day},{day},{day},{day},7" for day in range(1, 14)])
    project.run("2026-06-14T22:00:00Z")
    deliver("TINY", [f"{day},{day},{day},{day},8" for day in range(1, 15)])

    outcome = project.run(AS_OF, edits=[INCOMPLETE, NEW_METRIC, NO_VWAP])

    assert outcome.errors == {}
    assert outcome.ledger("TINY", "build_gold").status == "blocked"
    rows = figures(project)
    assert (rows["TINY"]["first_close"], rows["SOUND"]["first_close"]) == ("1.000000", "11.000000")
    assert (rows["TINY"]["latest_date"], rows["TINY"]["latest_volume"]) == ("2026-06-13", "7")
    assert all("vwap_20d" not in row for row in rows.values())


def test_asset_that_is_held_back_and_was_never_published_has_no_figures(project, deliver):
    deliver("TINY", [f"{day},{day},{day},{day},7" for day in range(1, 15)])

    outcome = project.run(AS_OF, edits=[INCOMPLETE])

    assert outcome.errors == {}
    assert list(figures(project)) == ["SOUND"]


@pytest.mark.thorough
def test_rollback_writes_the_same_bytes_of_the_figures(project, deliver):
    path = project.data / "gold" / "aggregates.csv"
    deliver("TINY", [f"0.00000{day},9,0.000001,0.00000{day},7.5" for day in range(10, 24)])
    project.run("2026-06-14T22:00:00Z", edits=[NO_VWAP])
    before = path.read_bytes()
    deliver("TINY", [f"{day},{day},{day},{day},8" for day in range(1, 15)])
    project.run(AS_OF, edits=[NEW_METRIC])

    rollback(
        project.data, "run-001", run_id="back",
        now=datetime(2026, 6, 16, tzinfo=UTC), command="rollback",
    )  # fmt: skip

    assert path.read_bytes() == before
