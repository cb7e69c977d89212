"""How files would be read, and what fixes that, before any run."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from sentinel_lib.calendars import sessions
from sentinel_lib.ingestion import batch
from sentinel_lib.ingestion.previews import previews
from sentinel_lib.records.previews import FilePreview
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.sources import FilesOptions

FIRST, LAST = date(2023, 11, 1), date(2024, 2, 29)
TRADED = [session.date for session in sessions("XNYS", FIRST, LAST)]


def seen(path: Path, configured: dict[str, Asset] | None = None) -> list[FilePreview]:
    return previews(batch.read_files(FilesOptions(path=path), configured), configured or {})


def write(path: Path, days: list[date], pattern: str = "%Y-%m-%d", close: str = "1.5") -> None:
    path.write_text("Date,Close\n" + "".join(f"{day:{pattern}},{close}\n" for day in days))


def test_a_file_is_shown_as_it_would_be_read(tmp_path: Path) -> None:
    write(tmp_path / "SPY.csv", TRADED, "%d/%m/%Y", '"1.234,5"')

    [preview] = seen(tmp_path)
    [series] = preview.series

    assert [(one.name, one.kind, one.fields) for one in preview.columns] == [
        ("Date", "date %d/%m/%Y", ("timestamp",)),
        ("Close", "number with a decimal comma", ("close",)),
    ]
    assert "13/11/2023 fits no other reading" in preview.words
    assert (series.bars, series.first, series.last) == (len(TRADED), "2023-11-01", "2024-02-29")
    assert (series.interval, series.calendar, series.fields) == ("1d", "weekdays", "close")
    assert (series.missing, series.fits) == (5, "XNYS")  # Thanksgiving to Presidents' Day


def test_what_it_proposes_reads_the_file_in_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "SPY.csv"
    write(path, TRADED, "%d/%m/%Y", '"1.234,5"')
    [preview] = seen(path)

    [terms] = yaml.safe_load(preview.yaml).values()
    asset = Asset.model_validate(
        {"symbol": "SPY", "source": terms.pop("source"), "calendar": terms.pop("calendar")}
        | {"fields": terms.pop("fields"), "options": {**terms, "path": Path(terms["path"])}}
    )
    proposed = batch.parse(batch.read_files(asset.options, {"SPY": asset}))

    assert proposed.bars["close"].to_pylist() == ["1234.5"] * len(TRADED)
    assert proposed.log[0].date_format == "%d/%m/%Y"
    assert (asset.calendar, asset.fields) == ("XNYS", "close")


def test_a_file_that_asks_stands_beside_those_that_do_not(tmp_path: Path) -> None:
    write(tmp_path / "A.csv", [date(2024, 5, 4), date(2024, 5, 5)], "%d/%m/%y")
    (tmp_path / "B.csv").write_text("When,Close\n2024-05-04,1\n")

    asked, read = seen(tmp_path)

    assert "does not tell which part of its dates is the day" in asked.question
    assert (read.question, read.rows) == ("", 1)


def test_bars_that_ask_have_no_lines_that_would_settle_it_by_chance(tmp_path: Path) -> None:
    days = [FIRST + timedelta(7 * week + day) for week in range(5) for day in (0, 3, 5)]
    write(tmp_path / "A.csv", days)

    [preview] = seen(tmp_path)

    assert "its week is none that is known" in preview.series[0].question
    assert preview.yaml == ""


def test_a_configured_asset_is_shown_with_its_own_terms(tmp_path: Path) -> None:
    write(tmp_path / "SPY.csv", TRADED)
    terms = {"symbol": "SPY", "source": "files", "options": {}, "calendar": "XNYS"}

    [preview] = seen(tmp_path, {"SPY": Asset.model_validate(terms)})

    assert (preview.series[0].calendar, preview.series[0].missing) == ("XNYS", 0)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("Download Data - STOCK_US_XNAS_AAPL", "AAPL"),
        ("BITSTAMP_BTCUSD, 1D", "BTCUSD"),
        ("GOOG Historical Data", "GOOG"),
        ("Bitstamp_BTCUSD_d", "BTCUSD"),
        ("BTCUSDT-1d-2024-02", "BTCUSDT"),
        ("XAUUSD_Daily", "XAUUSD"),
        ("EURUSD_M5_202401", "EURUSD"),
    ],
)
def test_the_symbol_in_a_longer_name_has_a_pattern(tmp_path: Path, name: str, symbol: str) -> None:
    path = tmp_path / f"{name}.csv"
    write(path, TRADED)

    [preview] = seen(path)
    options = FilesOptions(path=path, symbols=preview.symbols_pattern)

    assert batch.symbols_in(batch.parse(batch.read_files(options))) == [symbol]


@pytest.mark.parametrize("name", ["AAPL", "BRK.B", "goog.us", "BTC-USD", "^GSPC"])
def test_a_name_that_is_a_symbol_has_no_pattern(tmp_path: Path, name: str) -> None:
    write(tmp_path / f"{name}.csv", TRADED)

    [preview] = seen(tmp_path / f"{name}.csv")

    assert preview.symbols_pattern == ""
