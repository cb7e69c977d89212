from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentinel_lib.ingestion import batch
from sentinel_lib.settings.sources import FilesOptions

MORNING = datetime(2024, 1, 2, 9, 30, 0, 250_000)


def parsed(folder: Path, table: pa.Table, **options: object) -> batch.Parsed:
    path = folder / "AAPL.parquet"
    pq.write_table(table, path)
    return batch.parse(batch.read_files(FilesOptions(path=path, **options)))


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (date(2024, 1, 2), pa.date32(), "2024-01-02"),
        (MORNING, pa.timestamp("us"), "2024-01-02 09:30:00.250000"),
        (MORNING, pa.timestamp("ns"), "2024-01-02 09:30:00.250000"),
        (datetime(2024, 1, 2), pa.timestamp("s"), "2024-01-02 00:00:00.000"),
        (
            datetime(2024, 1, 2, tzinfo=UTC),
            pa.timestamp("ms", "UTC"),
            "2024-01-02T00:00:00.000+00:00",
        ),
        (
            datetime(2024, 1, 2, tzinfo=ZoneInfo("Asia/Tokyo")),
            pa.timestamp("s", "Asia/Tokyo"),
            "2024-01-02T00:00:00.000+09:00",
        ),
        (1_704_153_600, pa.int64(), "1704153600"),
        ("13/01/2024", pa.string(), "13/01/2024"),
    ],
)
def test_a_time_is_written_as_its_type_says(
    tmp_path: Path, value: object, kind: pa.DataType, text: str
) -> None:
    table = pa.table({"Date": pa.array([value], kind), "close": [1.5]})

    result = parsed(tmp_path, table)

    assert result.rejected == []
    assert result.bars.column("timestamp").to_pylist() == [text]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.1, pa.float64(), "0.1"),
        (0.1, pa.float32(), "0.1"),
        (1e22, pa.float64(), "1e+22"),
        (Decimal("12.3400"), pa.decimal128(10, 4), "12.3400"),
        (7, pa.int32(), "7"),
        (None, pa.float64(), ""),
        ("n.m.", pa.string(), "n.m."),
    ],
)
def test_a_value_is_written_without_loss(
    tmp_path: Path, value: object, kind: pa.DataType, text: str
) -> None:
    table = pa.table({"Date": [date(2024, 1, 2)], "close": pa.array([value], kind)})

    result = parsed(tmp_path, table)

    assert result.bars.column("close").to_pylist() == [text]


def test_rows_are_counted_from_one_and_the_symbol_is_that_of_the_file(tmp_path: Path) -> None:
    table = pa.table({"Date": ["2024-01-02", "2024-01-03"], "close": [1.0, 2.0]})

    result = parsed(tmp_path, table)

    assert result.bars.column("line").to_pylist() == [1, 2]
    assert result.bars.column("symbol").to_pylist() == ["AAPL", "AAPL"]


def test_a_pandas_index_without_a_name_is_the_timestamp(tmp_path: Path) -> None:
    table = pa.table({"close": [1.0], "__index_level_0__": [date(2024, 1, 2)]})

    result = parsed(tmp_path, table)

    assert result.bars.column("timestamp").to_pylist() == ["2024-01-02"]


def test_a_typed_time_is_iso_whatever_the_text_files_use(tmp_path: Path) -> None:
    typed = pa.table({"Date": [date(2024, 1, 2)], "close": [1.0]})
    text = pa.table({"Date": ["01/02/2024"], "close": [1.0]})

    of_typed = parsed(tmp_path, typed, date_format="%m/%d/%Y")
    of_text = parsed(tmp_path, text, date_format="%m/%d/%Y")

    assert [one.date_format for one in of_typed.log] == ["iso"]
    assert [one.date_format for one in of_text.log] == ["%m/%d/%Y"]


def test_a_damaged_or_empty_file_is_rejected_by_name(tmp_path: Path) -> None:
    (tmp_path / "A.parquet").write_bytes(b"PAR1 and nothing more")
    pq.write_table(
        pa.table({"Date": pa.array([], pa.string()), "close": pa.array([], pa.float64())}),
        tmp_path / "B.parquet",
    )
    pq.write_table(
        pa.table({"Date": ["2024-01-02"], "close": [[1.0, 2.0]]}), tmp_path / "C.parquet"
    )

    result = batch.parse(batch.read_files(FilesOptions(path=tmp_path)))

    reasons = [one.reason.splitlines()[0] for one in result.rejected]
    assert "A.parquet cannot be read as Parquet" in reasons[0]
    assert "B.parquet has no rows" in reasons[1]
    assert "C.parquet has no price column" in reasons[2]
