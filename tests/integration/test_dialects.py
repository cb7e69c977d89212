"""Files as people have them, from a folder of any kinds to Silver; and what a second day does."""

import json
import zipfile
from datetime import date, timedelta

import pytest

from sentinel_lib import read_table
from sentinel_lib.ingestion import batch
from sentinel_lib.records.details import IngestDetails
from sentinel_lib.storage.tables import Lake

AS_OF = "2024-07-15T00:00:00Z"
DAYS = [date(2024, 6, 3) + timedelta(day) for day in range(21)]
WORKING = [day for day in DAYS if day.weekday() < 5]


def closes(project, symbol):
    """The days and closes of a symbol in Silver."""
    bars = read_table("silver.bars", data=project.data)
    bars = bars[bars.symbol == symbol].sort_values("timestamp")
    return [
        (str(at)[:10], float(close)) for at, close in zip(bars.timestamp, bars.close, strict=True)
    ]


def wanted(days=WORKING, start=2185):
    return [(f"{day}", start + at + 0.25) for at, day in enumerate(days)]


def german(number):
    return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))


def write_five(folder):
    """One series each: with decimal commas, in JSON, in a zip file, as a panel, over weekends."""
    rows = wanted()
    lines = "".join(f"{date.fromisoformat(day):%d.%m.%Y};{german(close)}\n" for day, close in rows)
    (folder / "EURO.csv").write_bytes(("Datum;Schlußkurs\n" + lines).encode("cp1252"))
    records = [json.dumps({"date": day, "close": close}) for day, close in rows]
    (folder / "JSON.jsonl").write_text("\n".join(records))
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        cells = "".join(
            f'"{date.fromisoformat(day):%m/%d/%Y}","{close:,}","2.18M"\n' for day, close in rows
        )
        archive.writestr("prices/ZIPPED.csv", '"Date","Price","Vol."\n' + cells)
    panel = "".join(f"{day},{close},{close + 1}\n" for day, close in rows)
    (folder / "panel.txt").write_text("Date,WIDE,BROAD\n" + panel)
    coin = "".join(
        f"{int((day - date(1970, 1, 1)).total_seconds()) * 1000},{p},{p},{p},{p},5\n"
        for day, p in ((date.fromisoformat(text), close) for text, close in wanted(DAYS))
    )
    (folder / "COIN.csv").write_text(coin)


@pytest.fixture
def unlisted(project):
    project.assets({})
    return project


def test_five_kinds_in_one_folder_are_one_input(unlisted):
    write_five(unlisted.inbox)

    outcome = unlisted.run(AS_OF, input_path=str(unlisted.inbox))

    assert outcome.errors == {}
    assert {symbol: closes(unlisted, symbol) for symbol in ("EURO", "JSON", "ZIPPED", "WIDE")} == {
        symbol: wanted() for symbol in ("EURO", "JSON", "ZIPPED", "WIDE")
    }
    assert closes(unlisted, "BROAD") == wanted(start=2186)
    assert closes(unlisted, "COIN") == wanted(DAYS)
    said = outcome.records["ingest"].handed_on(IngestDetails).readings
    terms = {file.rpartition("/")[2]: how.rpartition("; ")[2] for file, how in said.items()}
    assert terms == {
        "EURO.csv": "EURO: 1d bars, weekdays, close",
        "JSON.jsonl": "JSON: 1d bars, weekdays, close",
        "ZIPPED.csv": "ZIPPED: 1d bars, weekdays, close",
        "panel.txt": "BROAD, WIDE: 1d bars, weekdays, close",
        "COIN.csv": "COIN: 1d bars, 24/7, ohlcv",
    }


def drop(project, day, row, name="drop.csv"):
    """A file of the day before, which says the day in its own way."""
    path = project.inbox / name
    path.write_text(f"Date,Ticker,Close\n{row}\n")
    return project.run(f"{day}T06:00:00Z", input_path=str(path))


def test_a_daily_drop_is_read_as_the_last_one_until_one_contradicts_it(unlisted):
    assert drop(unlisted, "2024-06-01", "31/05/2024,A,1.5").errors == {}
    second = drop(unlisted, "2024-06-06", "05/06/2024,A,1.75")
    third = drop(unlisted, "2024-06-14", "06/13/2024,A,1.25")

    assert second.errors == {}
    assert closes(unlisted, "A") == [("2024-05-31", 1.5), ("2024-06-05", 1.75)]
    assert "schema drift" in str(third.errors["ingest"])
    assert "date %m/%d/%Y and was date %d/%m/%Y" in str(third.errors["ingest"])


def test_a_first_drop_that_leaves_it_open_is_a_question(unlisted):
    outcome = drop(unlisted, "2024-06-06", "05/06/2024,A,1.75")

    assert "does not tell which part of its dates is the day" in str(outcome.errors["ingest"])


def test_a_run_is_read_again_as_it_was_read(unlisted):
    drop(unlisted, "2024-06-01", "31/05/2024,A,1.5")
    drop(unlisted, "2024-06-06", "05/06/2024,A,1.75")
    lake = Lake(unlisted.data)
    rows = lake.read("bronze.fetches").to_pylist()

    answers = [json.loads(row["reading"])["answers"] for row in rows]

    assert answers == [{"date_format": "%d/%m/%Y", "decimal": "."}] * 2
    options = batch.FilesOptions(path=unlisted.inbox)
    fetched = batch.read_files(options)
    [(payload, source)] = fetched.payloads
    again = source.read(batch.replace(payload, answers=answers[1]))
    assert again.layout == rows[-1]["layout"]


def test_local_hours_of_an_exchange_are_a_question_and_its_key_the_answer(unlisted):
    starts = [f"{day} {hour}:30" for day in WORKING[:12] for hour in range(9, 16)]
    lines = "".join(f"{start.replace(' 9', ' 09')},1,2,1,2,5\n" for start in starts)
    (unlisted.inbox / "SPY.csv").write_text("time,open,high,low,close,volume\n" + lines)

    asked = unlisted.run(AS_OF, input_path=str(unlisted.inbox))
    terms = {"calendar": "XNYS", "timezone": "America/New_York", "interval": "1h"}
    unlisted.assets({"SPY": {"source": "files", **terms}})
    answered = unlisted.run(AS_OF, input_path=str(unlisted.inbox))

    assert "timezone: America/New_York and calendar: XNYS" in str(asked.errors["ingest"])
    assert answered.errors == {}
    assert answered.ledger("SPY").promoted == len(starts)


def test_rows_of_a_panel_are_quarantined_each_by_itself(unlisted):
    rows = [
        f"{day},{close},{-close if at == 3 else close}\n"
        for at, (day, close) in enumerate(wanted())
    ]
    (unlisted.inbox / "panel.csv").write_text("Date,GOOD,BAD\n" + "".join(rows))

    outcome = unlisted.run(AS_OF, input_path=str(unlisted.inbox))
    again = unlisted.run(AS_OF, input_path=str(unlisted.inbox))

    assert outcome.ledger("GOOD").quarantined == 0
    assert outcome.ledger("BAD").quarantined == 1
    quarantine = Lake(unlisted.data).read("quarantine.bars").to_pylist()
    assert [(row["asset"], row["line"]) for row in quarantine] == [("BAD", 5)]
    assert again.ledger("GOOD").deduplicated == len(WORKING)
