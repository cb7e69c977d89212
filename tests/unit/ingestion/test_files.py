from __future__ import annotations

import gzip
from pathlib import Path

import bokeh_sampledata
import pytest

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion import batch
from sentinel_lib.records.bar import Bar
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.input_files import covers, files_at
from sentinel_lib.settings.sources import FilesOptions

ROW = "date,close\n2024-01-02,10\n"
UNREADABLE = Path("/proc/self/mem")
STOCKS = Path(bokeh_sampledata.__file__).parent / "_data" / "stocks.csv.gz"


def read(path: Path, assets: dict[str, Asset] | None = None, **options: object) -> batch.Parsed:
    return batch.parse(batch.read_files(FilesOptions(path=path, **options), assets))


def asset(symbol: str, **terms: object) -> Asset:
    return Asset.model_validate({"symbol": symbol, "source": "files", "options": {}, **terms})


def test_a_folder_is_read_without_hidden_foreign_or_deeper_files(tmp_path: Path) -> None:
    for name in ("b.csv", "A.CSV", "c.csv.gz", ".hidden.csv", "notes.md", "c.parquet.bak"):
        (tmp_path / name).write_text(ROW)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "d.csv").write_text(ROW)

    paths = files_at(tmp_path)

    assert [path.name for path in paths] == ["A.CSV", "b.csv", "c.csv.gz"]


def test_a_glob_takes_what_it_matches(tmp_path: Path) -> None:
    for name in ("x1.csv", "x2.md", "y.csv"):
        (tmp_path / name).write_text(ROW)

    paths = files_at(tmp_path / "x*")

    assert [path.name for path in paths] == ["x1.csv", "x2.md"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text(ROW)

    assert files_at(tmp_path / "a[1].csv") == [tmp_path / "a[1].csv"]


def test_a_glob_is_read_in_a_folder_whose_name_looks_like_one(tmp_path: Path) -> None:
    inbox = tmp_path / "a [x] {y} % *"
    inbox.mkdir()
    (inbox / "bars.csv").write_text(ROW)

    assert files_at(inbox / "b*.csv") == [inbox / "bars.csv"]
    assert covers(inbox / "b*.csv", inbox / "bars.csv")
    assert not covers(inbox / "b*.csv", inbox / "other.csv")
    assert not covers(inbox, tmp_path / "a x {y} % 1" / "bars.csv")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("absent", "does not exist"),
        ("absent/*.csv", "holds no file to read"),
        ("empty", "holds no file to read"),
    ],
)
def test_a_path_without_files_is_an_error_with_a_next_step(
    tmp_path: Path, path: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(SourceError, match=message) as error:
        batch.read_files(FilesOptions(path=tmp_path / path))

    assert "--input PATH" in str(error.value)


def test_the_symbol_comes_from_the_file_name_where_no_column_has_it(tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text(ROW)
    (tmp_path / "BTC-USD.csv.gz").write_bytes(gzip.compress(ROW.encode()))

    parsed = read(tmp_path)

    assert batch.symbols_in(parsed) == ["AAPL", "BTC-USD"]


def test_a_source_symbol_is_translated_from_a_column_and_from_a_file_name(tmp_path: Path) -> None:
    (tmp_path / "XBT.csv").write_text(ROW)
    (tmp_path / "all.csv").write_text(
        "symbol,date,close\n XBT ,2024-01-03,1\nETH,2024-01-03,2\n,2024-01-03,3\n"
    )
    assets = {"BTC-USD": asset("BTC-USD", source_symbol="XBT")}

    parsed = read(tmp_path, assets)

    assert parsed.bars.column("symbol").to_pylist() == ["BTC-USD", "BTC-USD", "ETH", ""]
    assert batch.symbols_in(parsed) == ["BTC-USD", "ETH"]


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_bytes(gzip.compress(ROW.encode()))

    parsed = read(tmp_path)

    assert parsed.bars.num_rows == 1


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    whole = gzip.compress(ROW.encode() * 100)
    contents = {
        "GOOD.csv": ROW.encode(),
        "cut.csv.gz": whole[:-12],
        "empty.csv": b"",
        "binary.csv": b"\x89PNG\x00\x00",
        "no_price.csv": b"date,volume\n2024-01-02,5\n",
        "page.csv": b"<!DOCTYPE html>\n<html>Too many requests</html>\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)

    parsed = read(tmp_path)

    assert batch.symbols_in(parsed) == ["GOOD"]
    assert [Path(one.locator).name for one in parsed.rejected] == [
        "binary.csv",
        "cut.csv.gz",
        "empty.csv",
        "no_price.csv",
        "page.csv",
    ]
    assert all(one.locator in one.reason for one in parsed.rejected)


def test_a_rejected_file_names_the_asset_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "XBT.csv").write_bytes(b"")
    (tmp_path / "other.csv").write_bytes(b"")
    assets = {"BTC-USD": asset("BTC-USD", source_symbol="XBT")}

    parsed = read(tmp_path, assets)

    assert [one.symbol for one in parsed.rejected] == ["BTC-USD", None]


def test_links_are_followed_and_those_that_lead_to_no_file_left_out(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text(ROW)
    (tmp_path / "GOOD.csv").symlink_to(tmp_path / "there.md")
    (tmp_path / "folder.csv").symlink_to(tmp_path)
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")

    assert [path.name for path in files_at(tmp_path)] == ["GOOD.csv"]


@pytest.mark.skipif(not UNREADABLE.is_file(), reason="needs a file that even root cannot read")
def test_a_file_that_the_system_does_not_let_read_is_rejected() -> None:
    parsed = read(UNREADABLE)

    assert "cannot be read" in parsed.rejected[0].reason
    assert "permissions" in parsed.rejected[0].reason


def test_configured_columns_and_formats_reach_the_log(tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text("When;Settle\n01/02/2024;10\n")

    parsed = read(
        tmp_path,
        columns={"timestamp": "When", "close": "Settle"},
        date_format="%m/%d/%Y",
        timezone="America/New_York",
    )

    assert parsed.bars.column("timestamp").to_pylist() == ["01/02/2024"]
    assert (parsed.log[0].date_format, parsed.log[0].timezone) == ("%m/%d/%Y", "America/New_York")


def test_a_copy_of_a_file_that_names_its_symbols_is_read_once_and_logged_twice(
    tmp_path: Path,
) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("ticker,date,close\nAAPL,2024-01-02,10\n")

    parsed = read(tmp_path)

    assert parsed.bars.num_rows == 1
    assert [Path(one.locator).name for one in parsed.log] == ["a.csv", "b.csv"]
    assert len({one.layout for one in parsed.log}) == 1


def test_equal_bytes_under_two_symbols_are_two_readings(tmp_path: Path) -> None:
    for name in ("A.csv", "B.csv"):
        (tmp_path / name).write_text(ROW)

    parsed = read(tmp_path)

    assert batch.symbols_in(parsed) == ["A", "B"]
    assert len({one.payload for one in parsed.log}) == 1
    assert len({one.layout for one in parsed.log}) == 2


def test_the_five_real_tickers_are_read_whole() -> None:
    parsed = read(STOCKS)

    assert parsed.rejected == []
    assert parsed.log[0].rows == 12_154
    assert batch.symbols_in(parsed) == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    first = parsed.bars.slice(0, 1).to_pylist()[0]
    assert (first["line"], first["timestamp"], first["adj_close"]) == (
        2,
        "2000-03-01",
        "4.186662803811",
    )


def test_the_real_rows_become_bars() -> None:
    rows = read(STOCKS).bars.slice(0, 50).to_pylist()

    bars = [Bar.model_validate({**row, "interval": "1d"}) for row in rows]

    assert len(bars) == 50
