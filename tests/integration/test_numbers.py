"""Small, long and large numbers, from a file to Gold."""

import pytest

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


def test_price_of_a_billionth_is_kept_as_the_source_wrote_it(project, deliver):
    written = [f"0.00000000{12508 + day}" for day in range(14)]
    deliver("TINY", [f"0.000000001,0.000000002,1e-10,{close},1e15" for close in written])

    outcome = project.run(AS_OF)

    assert outcome.errors == {}
    assert failed_checks(outcome) == {}
    assert closes(project, "TINY") == [text.rstrip("0") for text in written]
    assert closes(project, "TINY", "gold.daily") == [text.rstrip("0") for text in written]


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
