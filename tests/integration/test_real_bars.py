"""12,154 real daily bars of five stocks, through every stage."""

import gzip
import json

import pandas as pd
import pytest

from sentinel_lib import read_table

AS_OF = "2013-03-02T00:00:00Z"
ROWS = {"AAPL": 3270, "FB": 196, "GOOG": 2148, "IBM": 3270, "MSFT": 3270}


@pytest.fixture
def real(project):
    project.assets({symbol: {} for symbol in ROWS}, start="2000-01-01", calendar="XNYS")
    return project


def lines_of(stocks):
    return gzip.decompress(stocks.read_bytes()).decode().splitlines()


def test_every_row_is_promoted_and_the_figures_are_those_of_pandas(real, stocks):
    outcome = real.run(AS_OF, source="files", input_path=str(stocks))

    assert outcome.errors == {}
    for symbol, rows in ROWS.items():
        ledger = outcome.ledger(symbol)
        assert (ledger.rows_in, ledger.promoted, ledger.unexplained) == (rows, rows, 0)
    aggregates = pd.read_csv(real.data / "gold" / "aggregates.csv", index_col="symbol")
    for symbol, bars in pd.read_csv(stocks).groupby("Ticker"):
        bars = bars.sort_values("Date")
        found = aggregates.loc[symbol]
        returns = bars["Close"].pct_change().tail(20)
        typical = bars[["High", "Low", "Close"]].mean(axis=1).tail(20)
        assert found["sessions"] == ROWS[symbol]
        assert found["latest_close"] == bars["Close"].iloc[-1]
        assert found["avg_30d_close"] == pytest.approx(bars["Close"].tail(30).mean(), abs=1e-6)
        assert found["volatility_20d_pct"] == pytest.approx(
            returns.std() * 252**0.5 * 100, abs=1e-6
        )
        assert found["max_drawdown_pct"] == pytest.approx(
            (bars["Close"] / bars["Close"].cummax() - 1).min() * 100, abs=1e-6
        )
        volume = bars["Volume"].tail(20)
        assert found["vwap_20d"] == pytest.approx((typical * volume).sum() / volume.sum(), abs=1e-6)
    freshness = json.loads((real.data / "gold" / "freshness.json").read_text())
    assert {one["status"] for one in freshness["assets"].values()} == {"fresh"}


@pytest.mark.thorough
def test_the_same_as_of_gives_the_same_bytes_in_place_afresh_and_with_other_threads(
    real, stocks, tmp_path
):
    names = ["aggregates.csv", "freshness.json"]

    real.run(AS_OF, source="files", input_path=str(stocks), threads=2)
    first = [(real.data / "gold" / name).read_bytes() for name in names]
    real.run(AS_OF, source="files", input_path=str(stocks), threads=2)
    in_place = [(real.data / "gold" / name).read_bytes() for name in names]
    real.run(AS_OF, data=tmp_path / "fresh", source="files", input_path=str(stocks), threads=1)
    afresh = [(tmp_path / "fresh" / "gold" / name).read_bytes() for name in names]

    assert first == in_place == afresh


def test_planted_defects_are_quarantined_by_name_and_the_rest_is_promoted(real, stocks):
    lines = lines_of(stocks)
    set_cell(lines, 10, "Close", "")
    set_cell(lines, 20, "High", "1.0")
    set_cell(lines, 30, "Volume", "lots")
    set_cell(lines, 40, "Date", "2000-13-45")
    set_cell(lines, 50, "Close", "-5.0")
    lines.insert(60, lines[59])
    lines.insert(70, lines[69])
    set_cell(lines, 71, "Volume", "12345")
    lines.insert(80, "AAPL,2013-03-04,427.8,428.2,419.0,420.05,20812200,420.05")
    path = real.inbox / "planted.csv"
    path.write_text("\n".join(lines))

    outcome = real.run(AS_OF, source="files", input_path=str(path))

    quarantine = read_table("quarantine.bars", data=real.data).sort_values("line")
    assert list(zip(quarantine["line"], quarantine["rule"], strict=True)) == [
        (10, "expect_column_values_to_not_be_null(close)"),
        (20, "expect_column_pair_values_a_to_be_greater_than_b(high, low)"),
        (30, "volume.unreadable"),
        (40, "timestamp.unreadable"),
        (50, "expect_column_values_to_be_between(close)"),
        (70, "conflicting_key"),
        (71, "conflicting_key"),
        (81, "not_final"),
    ]
    for row in quarantine.itertuples():
        assert f"planted.csv line {row.line}: " in row.reason
        assert row.reason.endswith(f"[{row.rule}]")
        assert row.text == lines[row.line - 1]
    ledger = outcome.ledger("AAPL")
    assert (ledger.rows_in, ledger.quarantined, ledger.deduplicated) == (3273, 8, 1)
    assert ledger.promoted == ledger.rows_in - 9
    assert {symbol: outcome.ledger(symbol).promoted for symbol in list(ROWS)[1:]} == {
        symbol: rows for symbol, rows in ROWS.items() if symbol != "AAPL"
    }


@pytest.mark.thorough
def test_a_bar_after_as_of_is_promoted_by_the_run_that_comes_after_its_session(real, stocks):
    header, first, *_ = lines_of(stocks)
    path = real.inbox / "bars.csv"
    monday = "AAPL,2013-03-04,427.8,428.2,419.0,420.05,20812200,420.05"
    path.write_text("\n".join([header, first.replace("2000-03-01", "2013-03-01"), monday]))

    before = real.run(AS_OF, source="files", input_path=str(path))
    path.write_text("\n".join([header, first.replace("2000-03-01", "2013-03-01")]))
    after = real.run("2013-03-05T00:00:00Z", source="files", input_path=str(path))

    assert before.records["validate"].quarantine == {"not_final": 1}
    assert (after.ledger("AAPL").promoted, after.ledger("AAPL").deduplicated) == (1, 1)
    assert len(read_table("quarantine.bars", data=real.data)) == 0
    assert len(read_table("silver.bars", data=real.data)) == 2


@pytest.mark.thorough
def test_a_correction_and_its_withdrawal_end_where_they_began(real):
    path = real.inbox / "AAPL.csv"

    closes = []
    for day, close in enumerate(["10.5", "11.5", "10.5"]):
        path.write_text(f"Date,Open,High,Low,Close,Volume\n2013-03-01,10,12,9,{close},100\n")
        as_of = f"2013-03-02T0{day}:00:00Z"
        outcome = real.run(as_of, source="files", input_path=str(path))
        assert outcome.ledger("AAPL").promoted == 1
        closes.append(read_table("silver.bars", data=real.data)["close"].tolist())

    assert closes == [[10.5], [11.5], [10.5]]
    looked_back = read_table("silver.bars", data=real.data, as_of="2013-03-02T01:00:00Z")
    assert looked_back["close"].tolist() == [11.5]


def set_cell(lines, line, column, value):
    cells = lines[line - 1].split(",")
    cells[lines[0].split(",").index(column)] = value
    lines[line - 1] = ",".join(cells)
