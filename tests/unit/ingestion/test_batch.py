from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from sentinel_lib.ingestion import batch
from sentinel_lib.ingestion.raw_bars import PROVENANCE_COLUMNS, RAW_BARS, STORED_RAW_BARS
from sentinel_lib.records.payload import FetchFailure, Payload, Window
from sentinel_lib.settings.assets import Asset

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 4, tzinfo=UTC)


def asset(symbol: str, **terms: object) -> Asset:
    return Asset.model_validate({"symbol": symbol, "source": "simulated", "options": {}, **terms})


def windows(*symbols: str) -> list[Window]:
    return [Window(symbol, START, END) for symbol in symbols]


def test_assets_of_several_sources_are_fetched_in_one_call(tmp_path: Path) -> None:
    (tmp_path / "F.csv").write_text("date,close\n2026-01-02,10\n")
    assets = {
        "S": asset("S"),
        "F": asset("F", source="files", options={"path": tmp_path}),
    }

    parsed = batch.parse(batch.fetch(assets, windows("S", "F")))

    assert batch.symbols_in(parsed) == ["F", "S"]
    assert [(one.source, one.symbol, one.rows) for one in parsed.log] == [
        ("simulated", "S", 3),
        ("files", None, 1),
    ]


def test_assets_with_equal_options_share_one_reading_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("symbol,date,close\nA,2026-01-02,1\nB,2026-01-02,2\n")
    assets = {name: asset(name, source="files", options={"path": tmp_path}) for name in ("A", "B")}

    fetched = batch.fetch(assets, windows("A", "B"))

    assert len(fetched.payloads) == 1


def test_a_missing_path_fails_each_asset_of_its_source_and_no_other(tmp_path: Path) -> None:
    absent = {"path": tmp_path / "absent"}
    assets = {
        "A": asset("A", source="files", options=absent),
        "B": asset("B", source="files", options=absent),
        "S": asset("S"),
    }

    fetched = batch.fetch(assets, windows("A", "B", "S"))

    assert [failure.symbol for failure in fetched.failures] == ["A", "B"]
    assert fetched.failures[0].reason == fetched.failures[1].reason
    assert "does not exist" in fetched.failures[0].reason
    assert [payload.symbol for payload, _ in fetched.payloads] == ["S"]


def test_a_source_without_a_window_is_not_asked(tmp_path: Path) -> None:
    assets = {"A": asset("A", source="files", options={"path": tmp_path / "absent"})}

    fetched = batch.fetch(assets, [])

    assert fetched == batch.Fetched()


def test_rows_carry_the_digest_of_their_payload_and_their_layout() -> None:
    fetched = batch.fetch({"S": asset("S")}, windows("S"))

    parsed = batch.parse(fetched)

    content = fetched.payloads[0][0].content
    assert parsed.bars.schema.names == [*RAW_BARS.names, *PROVENANCE_COLUMNS]
    assert set(parsed.bars.column("payload").to_pylist()) == {sha256(content).hexdigest()}
    assert set(parsed.bars.column("layout").to_pylist()) == {parsed.log[0].layout}
    assert len(parsed.log[0].layout) == 12
    assert parsed.log[0].bytes == len(content)


def test_the_layout_follows_from_how_the_bytes_are_read_and_nothing_else(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "A.csv").write_text("date,close,last\n2026-01-02,10,11\n")

    def layout(folder: str, **options: object) -> str:
        path = {"path": tmp_path / folder, **options}
        assets = {"A": asset("A", source="files", options=path)}
        return batch.parse(batch.fetch(assets, windows("A"))).log[0].layout

    assert layout("one") == layout("two")
    assert layout("one") == layout("one", columns={"close": "close"}, delimiter=",")
    assert layout("one") != layout("one", columns={"close": "last"})
    assert layout("one") != layout("one", timezone="America/New_York")


def test_one_unreadable_payload_is_rejected_and_the_others_are_read() -> None:
    fetched = batch.fetch({"S": asset("S")}, windows("S"))
    (payload, source), *_ = fetched.payloads
    fetched.payloads.insert(0, (Payload("simulated", "broken.csv", b"\x00", symbol="B"), source))

    parsed = batch.parse(fetched)

    assert [(one.locator, one.symbol) for one in parsed.rejected] == [("broken.csv", "B")]
    assert [one.locator for one in parsed.log] == [payload.locator]


def test_nothing_fetched_is_an_empty_batch_with_its_columns() -> None:
    parsed = batch.parse(batch.Fetched(failures=[FetchFailure("A", "the network is down")]))

    assert parsed.bars.num_rows == 0
    assert parsed.bars.schema == STORED_RAW_BARS
    assert (parsed.log, parsed.rejected, batch.symbols_in(parsed)) == ([], [], [])


def test_a_run_without_an_api_source_loads_no_http_client() -> None:
    code = (
        "import sys\n"
        "from sentinel_lib.ingestion import batch\n"
        "from sentinel_lib.settings.assets import Asset\n"
        "a = Asset.model_validate({'symbol': 'X', 'source': 'simulated', 'options': {}})\n"
        "batch.fetch({'X': a}, [])\n"
        "print([name for name in ('httpx', 'pandas') if name in sys.modules])\n"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
