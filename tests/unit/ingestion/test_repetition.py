from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion import batch
from sentinel_lib.ingestion.batch import fetch_again
from sentinel_lib.records.payload import Window
from sentinel_lib.settings.assets import Asset

START = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = datetime(2026, 3, 1, 9, tzinfo=UTC)
FAULTS = {"gaps": 0.2, "duplicates": 0.2, "nulls": 0.1, "late_sessions": 2}


@pytest.mark.parametrize("interval", ["1d", "4h", "5m"])
@pytest.mark.parametrize("faults", [{}, FAULTS], ids=["clean", "faulty"])
def test_simulated_bars_of_the_same_window_have_the_same_bytes(
    interval: str, faults: dict[str, float]
) -> None:
    terms = {"symbol": "X", "source": "simulated", "interval": interval, "calendar": "24/7"}
    asset = Asset.model_validate({**terms, "options": {"faults": faults}})
    fetched = batch.fetch({"X": asset}, [Window("X", START.replace(hour=3), AS_OF)])
    ((payload, _),) = fetched.payloads

    content = fetch_again("simulated", payload.locator, asset, AS_OF)

    assert content == payload.content


def test_a_file_is_read_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "AAPL.csv"
    path.write_bytes(b"Date,Close\r\n")

    assert fetch_again("files", str(path), None, AS_OF) == b"Date,Close\r\n"


def test_a_file_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"AAPL\.csv cannot be read: No such file"):
        fetch_again("files", str(tmp_path / "AAPL.csv"), None, AS_OF)


@pytest.mark.parametrize(
    ("source", "locator"),
    [("kraken", "/0/public/OHLC?pair=XBTUSD&interval=1440&since=1767225599"), ("gone", "x")],
)
def test_what_no_asset_or_source_stands_for_cannot_be_asked_for(source: str, locator: str) -> None:
    with pytest.raises(SourceError, match="cannot be asked for"):
        fetch_again(source, locator, None, AS_OF)
