"""What only a person can know is asked, with the keys that answer; and no inference is blind."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion import batch
from tests.unit.ingestion.dialects.reading import bars_in, how_read, parsed, read_back

EARLY = "Date,Close\n04/05/2024,1.5\n05/05/2024,1.6\n06/05/2024,1.7\n"


@pytest.mark.parametrize(
    ("content", "question", "keys"),
    [
        pytest.param(
            EARLY,
            "does not tell which part of its dates is the day",
            ["date_format: '%d/%m/%Y'", "date_format: '%m/%d/%Y'"],
            id="days up to 12",
        ),
        pytest.param(
            "Date,Close\n13/05/2024,1.5\n05/14/2024,1.6\n",
            "writes its dates in two ways",
            ["date_format: '%d/%m/%Y'", "date_format: '%m/%d/%Y'"],
            id="days and months first",
        ),
        pytest.param(
            "Date,Close\n2024-05-13,8.900\n2024-05-14,8.950\n",
            "does not tell what the mark in its numbers is",
            ["decimal: '.'", "decimal: ','"],
            id="8.900",
        ),
        pytest.param(
            'Date,Open,High,Low,Close\n2024-05-13,1.5,2.5,1.5,"1,5"\n',
            "writes its numbers in two ways",
            ["decimal: '.'", "decimal: ','"],
            id="point and comma",
        ),
        pytest.param(
            "Date,Close,close\n2024-05-13,1,2\n",
            "more than one column that could be the close",
            ["columns: {close: ...}"],
            id="two closes",
        ),
        pytest.param(
            "13.05.2024;5;4;3;2;100\n14.05.2024;5;4;3;2;100\n",
            "has no header, and its values do not tell what they are",
            ["columns: {timestamp: column_1"],
            id="no header, and the second is not the highest",
        ),
        pytest.param(
            "Date,Bid,Ask\n2024-05-13,1.5,2.5\n",
            "has no price column",
            ["columns: {close: ...}"],
            id="two prices that are not symbols",
        ),
        pytest.param(
            "Datum;Avaus;Ylin;Alin;Viimeisin;Vaihto\n13.05.2024;10,5;11,2;10,1;10,9;77000\n",
            "has no price column",
            ["columns: {close: ...}"],
            id="prices in a language that is not known, which are no panel",
        ),
        pytest.param(
            "Date,Open,High,Low,Value,Shares\n2024-05-13,1.5,2.5,1.5,77000,5\n",
            "has no price column",
            ["columns: {close: ...}"],
            id="a value beside prices, which is the turnover",
        ),
        pytest.param(
            "When,What\nsoon,2\nlater,3\n",
            "has no timestamp column",
            ["columns: {timestamp: ...}"],
            id="no time",
        ),
        pytest.param(
            "Date,Close\n13 Floréal,1.5\n14 Floréal,1.6\n",
            "writes its times in a way that is not known",
            ["date_format:"],
            id="unknown dates",
        ),
        pytest.param(
            "Kurs £;Höhe\n2024-05-13;5\n",
            "its header does not tell in which encoding it is",
            ["encoding: ..."],
            id="a header that could be several things",
        ),
        pytest.param(
            "Date;Ticker;Close\n2024-05-13;Ñandú;5\n",
            "nothing tells in which encoding its symbols are",
            ["encoding: ..."],
            id="symbols that could be several things",
        ),
        pytest.param(
            "<!DOCTYPE html>\n<html><title>Sign in</title></html>",
            "is a web page",
            ["download it again"],
            id="a page",
        ),
        pytest.param(
            '{"Error Message": "the parameter apikey is invalid"}',
            "is an answer in JSON without bars",
            ["download it again"],
            id="an error",
        ),
    ],
)
def test_what_a_file_leaves_open_is_asked_with_the_keys_that_answer_it(
    content: str, question: str, keys: list[str]
) -> None:
    with pytest.raises(SourceError, match=question) as asked:
        read_back(content.encode("cp1252"))

    for key in keys:
        assert key in str(asked.value)


@pytest.mark.parametrize(
    ("date_format", "times"),
    [
        ("%d/%m/%Y", ["2024-05-04", "2024-05-05", "2024-05-06"]),
        ("%m/%d/%Y", ["2024-04-05", "2024-05-05", "2024-06-05"]),
    ],
)
def test_each_key_gives_its_reading(date_format: str, times: list[str]) -> None:
    [bars] = read_back(EARLY.encode(), date_format=date_format).values()

    assert [f"{bar.time:%Y-%m-%d}" for bar in bars] == times


def test_an_encoding_that_is_said_counts() -> None:
    symbol = "\u0421\u0431\u0435\u0440"
    content = f"Date;Ticker;Close\n2024-05-13;{symbol};5\n".encode("cp1251")

    assert list(read_back(content, encoding="cp1251")) == [symbol]


def test_bytes_that_are_not_read_may_be_of_any_encoding() -> None:
    content = b"Date;Open;High;Low;Close;Note\n2024-05-13;1;2;1;2;\xbf\xf1\n"

    assert [len(bars) for bars in read_back(content).values()] == [1]


@pytest.mark.parametrize(("decimal", "close"), [(".", "8.90"), (",", "8900.00")])
def test_the_decimal_mark_settles_what_8_900_is(decimal: str, close: str) -> None:
    content = b"Date,Close\n2024-05-13,8.900\n2024-05-14,8.950\n"

    [bars] = read_back(content, decimal=decimal).values()

    assert f"{bars[0].close:.2f}" == close


def test_a_day_that_settles_it_may_be_the_last_of_many() -> None:
    dates = [f"{day:02}/05/2024" for day in range(1, 13)] * 500 + ["13/05/2024"]
    content = "Date,Close\n" + "".join(f"{day},1.5\n" for day in dates)

    logged = how_read(content.encode())

    assert logged.date_format == "%d/%m/%Y"


def test_a_number_that_settles_it_may_be_the_last_of_many() -> None:
    values = ["8.900"] * 5_000 + ["8.95"]
    content = "Date,Close\n" + "".join(f"2024-05-13,{value}\n" for value in values)

    [bars] = read_back(content.encode()).values()

    assert f"{bars[0].close:.2f}" == "8.90"


def test_the_volume_may_settle_the_prices() -> None:
    content = "Date;Open;High;Low;Close;Volume\n2024-05-13;8.900;9.100;8.800;9.000;1.234.567\n"

    [[bar]] = read_back(content.encode()).values()

    assert (f"{bar.close:.0f}", f"{bar.volume:.0f}") == ("9000", "1234567")


@pytest.mark.parametrize(
    ("header", "row", "volume"),
    [
        ("Volume BTC,Volume USD", "5,70000", 5),
        ("Volume USD,Volume BTC", "70000,5", 5),
        ("<TICKVOL>,<VOL>", "9,5", 5),
        ("Stuecke,Volumen", "5,70000", 5),
        ("Volume_(BTC),Volume_(Currency)", "5,70000", 5),
    ],
)
def test_of_two_volumes_the_traded_one_counts(header: str, row: str, volume: int) -> None:
    content = f"Date,Open,High,Low,Close,{header}\n2024-05-13,1.5,2.5,1.5,2.5,{row}\n"

    [[bar]] = read_back(content.encode()).values()

    assert bar.volume == volume


def test_a_comma_without_quotes_makes_a_row_malformed_and_no_other_price(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text("Date,Close\n2024-05-13,$1,234.50\n2024-05-14,$1,235.50\n")

    bars = parsed(tmp_path).bars

    assert [defect.split(":")[0] for defect in bars["defect"].to_pylist()] == [
        "3 values where the header has 2 columns"
    ] * 2


def test_a_line_of_units_is_not_a_line_of_symbols() -> None:
    content = b"Date,Close,Volume\n,USD,shares\n2024-05-13,5,100\n"

    assert [len(bars) for bars in read_back(content).values()] == [1]
    assert list(read_back(content)) == ["GOOG"]


def test_a_zone_in_the_name_of_the_column_counts() -> None:
    row = ",Open,High,Low,Close\n2024.05.13 00:00,1,2,1,2\n"

    assert how_read(f"Time (EET){row}".encode()).timezone == "EET"
    assert how_read(f"Date(UTC){row}".encode()).timezone == "UTC"
    with pytest.raises(SourceError, match=r"has times in JST.*") as asked:
        read_back(f"Time (JST){row}".encode())
    assert "timezone: ..." in str(asked.value)


def test_settle_comes_before_last() -> None:
    content = b"Date,Open,High,Low,Last,Settle\n2024-05-13,1.5,2.5,1.5,2.25,2.5\n"

    [[bar]] = read_back(content).values()

    assert f"{bar.close:.2f}" == "2.50"


def test_files_of_one_folder_and_header_share_their_evidence(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(EARLY)
    (tmp_path / "B.csv").write_text("Date,Close\n13/05/2024,1.5\n")
    (tmp_path / "C.csv").write_text("When,Close\n05/05/2024,1.5\n06/05/2024,1.5\n")

    result = parsed(tmp_path)

    assert f"{bars_in(result)['A'][0].time:%Y-%m-%d}" == "2024-05-04"
    assert [Path(one.locator).name for one in result.rejected] == ["C.csv"]
    assert {one.date_format for one in result.log} == {"%d/%m/%Y"}


def test_neighbours_that_disagree_settle_nothing(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(EARLY)
    (tmp_path / "B.csv").write_text("Date,Close\n13/05/2024,1.5\n")
    (tmp_path / "C.csv").write_text("Date,Close\n05/13/2024,1.5\n")

    result = parsed(tmp_path)

    assert [Path(one.locator).name for one in result.rejected] == ["A.csv"]


def test_an_earlier_answer_settles_a_file_that_leaves_it_open(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(EARLY)
    fetched = batch.read_files(batch.FilesOptions(path=tmp_path))
    asked: list[str] = []

    def answers(place: str) -> dict[str, str]:
        asked.append(place)
        return {"date_format": "%m/%d/%Y"}

    fetched.settled = answers
    result = batch.parse(fetched)

    assert result.log[0].date_format == "%m/%d/%Y"
    assert [place.split()[0] for place in asked] == [str(tmp_path)]


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("goog.us.txt", "goog.us"),
        ("BRK.B.csv", "BRK.B"),
        ("BTC-USD.csv.gz", "BTC-USD"),
        ("^GSPC.TXT", "^GSPC"),
        ("AAPL_2025.csv", "AAPL_2025"),
        ("A.B.jsonl", "A.B"),
    ],
)
def test_a_file_is_named_after_its_symbol(tmp_path: Path, name: str, symbol: str) -> None:
    (tmp_path / name).write_text("date,close\n2024-05-13,1.5\n")

    assert batch.symbols_in(parsed(tmp_path / name)) == [symbol]


def test_a_year_is_left_out_where_neighbours_differ_in_it_alone(tmp_path: Path) -> None:
    for name in ("AAPL_2025.csv", "AAPL_2026.csv", "SPY_2026.csv"):
        (tmp_path / name).write_text(f"date,close\n{name[-8:-4]}-05-13,1.5\n")

    assert batch.symbols_in(parsed(tmp_path)) == ["AAPL", "SPY_2026"]


def test_a_pattern_takes_the_symbol_out_of_longer_names(tmp_path: Path) -> None:
    name = "Download Data - STOCK_US_XNAS_AAPL.csv"
    (tmp_path / name).write_text("date,close\n2024-05-13,1.5\n")

    assert batch.symbols_in(parsed(tmp_path, symbols="_([^_]+)$")) == ["AAPL"]


def test_a_zip_file_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinel_lib.ingestion.dialects.limits.LARGEST_UNPACKED_BYTES", 100)
    with zipfile.ZipFile(tmp_path / "A.zip", "w") as archive:
        archive.writestr("A.csv", "date,close\n" + "2024-05-13,1.5\n" * 20)

    [rejected] = parsed(tmp_path).rejected

    assert "unpacks to more than" in rejected.reason


@pytest.mark.parametrize("name", ["../../A.csv", "/A.csv", ".hidden.csv", "notes.md"])
def test_a_member_that_leads_elsewhere_is_not_read(tmp_path: Path, name: str) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(name, "date,close\n2024-05-13,1.5\n")
    (tmp_path / "A.zip").write_bytes(sink.getvalue())

    [rejected] = parsed(tmp_path).rejected

    assert "holds 0 files to read" in rejected.reason


def test_a_zip_file_with_a_password_is_refused_with_what_to_do(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("A.csv", "date,close\n2024-05-13,1.5\n")
    locked = bytearray(sink.getvalue())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.find(header) + flags] |= 1
    (tmp_path / "A.zip").write_bytes(locked)

    [rejected] = parsed(tmp_path).rejected

    assert "without a password" in rejected.reason


def test_a_workbook_that_is_broken_or_has_nothing_in_it_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "A.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<nothing/>")

    [rejected] = parsed(tmp_path).rejected

    assert "cannot be read as an Excel workbook" in rejected.reason


def test_a_row_of_another_width_is_kept_with_what_is_wrong_with_it() -> None:
    content = b"date,open,close\n2024-01-02,10,5\n2024-01-03\n2024-01-04,11,6,7\n2024-01-05,1,2\n"

    logged = how_read(content)

    assert logged.rows == 4
