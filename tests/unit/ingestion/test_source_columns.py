from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentinel_lib.ingestion import batch
from sentinel_lib.ingestion.source_columns import (
    SAMPLED_ROWS,
    SourceColumn,
    columns_as_json,
    columns_of_json,
    declared_columns,
    kind_of,
    text_columns,
)
from sentinel_lib.settings.sources import FilesOptions


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2.5", " 3e4 "], "number"),
        (["2024-01-02", "2024-01-02T10:00:00Z"], "date"),
        (["1/2/2024", "31.12.1999"], "date"),
        (["eleven", "1,234", "Jan 2 2024"], "text"),
        (["", "n/a", "-", "NaN", None], "empty"),
        ([], "empty"),
        (["", "5", None], "number"),
        (["1", "2", "n.m."], "number"),
        (["1", "n.m.", "n.m."], "text"),
        (["1", "n.m."], "number"),
        (["2024-01-02", "soon"], "date"),
    ],
)
def test_the_kind_of_a_column_is_what_most_of_its_values_look_like(
    values: list[str | None], kind: str
) -> None:
    found = kind_of(pa.array(values, pa.string()))

    assert found == kind


def columns_in(path: Path, content: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    path.write_text(content)
    [logged] = batch.parse(batch.read_files(FilesOptions(path=path))).log
    return {one.name: (one.kind, one.fields) for one in logged.columns}


def test_every_column_of_a_csv_file_has_a_kind_and_the_fields_read_from_it(tmp_path: Path) -> None:
    content = "Ticker,Date,Close,Note,Split\n600519,2024-01-02,10,good,1\n600520,2024-01-02,11,,2\n"

    found = columns_in(tmp_path / "all.csv", content)

    assert found == {
        "Ticker": ("text", ("symbol",)),
        "Date": ("date", ("timestamp",)),
        "Close": ("number", ("close",)),
        "Note": ("text", ()),
        "Split": ("number", ()),
    }


def test_columns_of_the_same_name_and_ragged_rows_are_told_apart(tmp_path: Path) -> None:
    found = columns_in(tmp_path / "A.csv", "Date,Close,Note,Note\n2024-01-02,10,5\n2024-01-03,9\n")

    assert found["Note"] == ("number", ())
    assert found["Note (2)"] == ("empty", ())


def test_the_log_names_the_symbols_of_a_payload(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("symbol,date,close\nB,2026-01-02,1\nA,2026-01-02,2\n,x,3\n")

    [logged] = batch.parse(batch.read_files(FilesOptions(path=tmp_path))).log

    assert logged.symbols == ("A", "B")


def test_of_many_rows_some_from_the_first_to_the_last_are_looked_at() -> None:
    half = ["text"] * SAMPLED_ROWS
    values = pa.chunked_array([[*half, *["1"] * (2 * SAMPLED_ROWS)]])

    [column] = text_columns(["Close"], [values], {0: ("close",)})

    assert column == SourceColumn("Close", "number", ("close",))


def test_parquet_columns_have_the_kinds_they_declare() -> None:
    schema = pa.schema(
        [
            ("Date", pa.timestamp("ns")),
            ("Close", pa.decimal128(10, 2)),
            ("Volume", pa.int64()),
            ("Name", pa.dictionary(pa.int32(), pa.string())),
            ("Gone", pa.null()),
            ("Flag", pa.bool_()),
        ]
    )

    readers = {0: ("timestamp",), 1: ("close",), 2: ("volume",)}

    found = declared_columns(schema.names, schema.types, readers)

    assert [one.kind for one in found] == ["date", "number", "number", "text", "empty", "bool"]
    assert found[1].fields == ("close",)


def test_a_parquet_file_of_numbers_written_as_text_says_text(tmp_path: Path) -> None:
    table = pa.table({"Date": ["2024-01-02"], "Close": ["10.5"]})
    pq.write_table(table, tmp_path / "A.parquet")

    [logged] = batch.parse(batch.read_files(FilesOptions(path=tmp_path))).log

    assert [one.kind for one in logged.columns] == ["text", "text"]


def test_columns_are_written_and_read_back_in_the_order_of_their_names() -> None:
    columns = (SourceColumn("Close", "number", ("close",)), SourceColumn("Ähnlich", "text"))

    text = columns_as_json(columns)

    assert text == (
        '{"Close":{"fields":["close"],"kind":"number"},"Ähnlich":{"fields":[],"kind":"text"}}'
    )
    assert columns_as_json(columns[::-1]) == text
    assert columns_of_json(text) == columns
