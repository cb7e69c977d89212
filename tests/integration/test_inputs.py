"""What can be wrong about an input: a clear error, and nothing that was there is touched."""

import pytest

from sentinel_lib.errors import ConfigError, ExitCode, GateBlocked, SourceError
from sentinel_lib.storage.tables import Lake

AS_OF = "2024-01-06T00:00:00Z"
GOOD = "Date,Open,High,Low,Close,Volume\n2024-01-02,10,12,9,11,100\n2024-01-03,11,12,9,10,100\n"


@pytest.fixture
def loaded(project):
    """A project that holds two good bars of AAPL."""
    project.assets({"AAPL": {}}, source="files")
    (project.inbox / "AAPL.csv").write_text(GOOD)
    outcome = project.run(AS_OF, input_path=str(project.inbox / "AAPL.csv"))
    assert outcome.errors == {}
    return project


def gold(project):
    return {path.name: path.read_bytes() for path in (project.data / "gold").glob("*.*")}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("AAPL.csv", b"", "is empty"),
        ("AAPL.csv", b"\x00\x01\x02" * 50, "NUL bytes"),
        ("AAPL.csv", b"\x1f\x8bnot really gzip", "cannot be unpacked"),
        ("AAPL.csv", b"Date,Open,High\n2024-01-04,1,2\n", "close"),
        ("AAPL.csv", b"Date,Close\n", "has a header and no rows"),
        ("AAPL.csv", b"PAR1 broken", "AAPL.csv"),
    ],
)
def test_a_file_that_cannot_be_read_blocks_the_gate_and_says_why(loaded, name, content, words):
    before = gold(loaded)
    path = loaded.inbox / name
    path.write_bytes(content)

    outcome = loaded.run(AS_OF, input_path=str(path))

    stopped = outcome.errors["ingest"]
    assert isinstance(stopped, GateBlocked)
    assert words in str(stopped)
    assert name in str(stopped)
    assert list(outcome.errors) == ["ingest"]
    assert gold(loaded) == before


def test_a_file_that_is_missing_is_a_source_that_is_unavailable(loaded):
    before = gold(loaded)

    outcome = loaded.run(AS_OF, input_path=str(loaded.inbox / "missing.csv"))

    stopped = outcome.errors["ingest"]
    assert isinstance(stopped, SourceError)
    assert stopped.exit_code is ExitCode.SOURCE_UNAVAILABLE
    assert "missing.csv" in str(stopped)
    assert gold(loaded) == before


def test_one_bad_file_of_a_folder_holds_back_its_asset_alone(project):
    (project.inbox / "AAPL.csv").write_text(GOOD)
    (project.inbox / "MSFT.csv").write_text("")

    outcome = project.run(AS_OF, input_path=str(project.inbox))

    assert outcome.errors == {}
    assert outcome.ledger("AAPL").promoted == 2
    assert outcome.ledger("MSFT").status == "blocked"
    assert "MSFT.csv is empty" in outcome.ledger("MSFT").reason
    assert outcome.records["ingest"].status == "degraded"


def test_a_series_is_not_continued_in_another_interval(loaded):
    loaded.assets({"AAPL": {"interval": "1h"}}, source="files")

    outcome = loaded.run(AS_OF, input_path=str(loaded.inbox / "AAPL.csv"))

    assert isinstance(outcome.errors["ingest"], ConfigError)
    assert "interval" in str(outcome.errors["ingest"])


def test_simulated_bars_are_not_mixed_with_real_ones(loaded):
    outcome = loaded.run(AS_OF, source="simulated")

    assert isinstance(outcome.errors["ingest"], ConfigError)
    assert "--data" in str(outcome.errors["ingest"])


def test_a_price_only_series_has_empty_figures_where_it_lacks_a_field(project):
    rows = "\n".join(f"2024-01-{day:02},{70 + day}" for day in range(1, 6))
    (project.inbox / "OIL.csv").write_text(f"DATE,DCOILWTICO\n{rows}\n")
    project.assets({"OIL": {"fields": "close", "path": str(project.inbox)}}, source="files")

    project.run(AS_OF)

    header, row = (project.data / "gold" / "aggregates.csv").read_text().splitlines()
    figures = dict(zip(header.split(","), row.split(","), strict=True))
    assert figures["latest_close"] == "75.000000"
    assert (figures["vwap_20d"], figures["latest_volume"]) == ("", "")


def test_an_index_passes_with_its_four_prices_and_has_no_metric_of_volume(project):
    days = [f"2024-01-{day:02}" for day in range(1, 22)]
    rows = [f"{day},10,12,9,11,0" for day in days]
    text = "\n".join(["Date,Open,High,Low,Close,Volume", *rows, ""])
    (project.inbox / "SPX.csv").write_text(text)
    project.assets({"SPX": {"fields": "ohlc", "path": str(project.inbox)}}, source="files")

    outcome = project.run("2024-01-22T00:00:00Z")

    assert (outcome.errors, outcome.ledger("SPX").promoted) == ({}, 21)
    assert Lake(project.data).read("silver.bars")["volume"].null_count == 21
    header, row = (project.data / "gold" / "aggregates.csv").read_text().splitlines()
    metrics = dict(zip(header.split(","), row.split(","), strict=True))
    assert (metrics["avg_7d_close"], metrics["vwap_20d"]) == ("11.000000", "")
    assert metrics["latest_volume"] == ""
