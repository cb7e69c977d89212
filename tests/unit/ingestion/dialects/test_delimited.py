"""The two readers of text, and where the rows of a file begin and end."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion.dialects import delimited
from sentinel_lib.ingestion.dialects.delimited import delimited_sheet
from sentinel_lib.ingestion.dialects.sheets import Sheet

LOCATOR = "prices.csv"


def read(text: str | bytes, delimiter: str | None = None) -> Sheet:
    content = text.encode() if isinstance(text, str) else text
    return delimited_sheet(content, delimiter, LOCATOR)


def rows_of(sheet: Sheet) -> list[tuple[int, str | None, str | None]]:
    first, second = (column.to_pylist() for column in sheet.columns[:2])
    return list(zip(sheet.lines, first, second, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "date,close\n2024-01-02,10\n2024-01-03,\n",
        "date,close\n2024-01-02,10\n2024-01-03,",
        "date,close\r\n2024-01-02,10\r\n2024-01-03,\r\n",
        "date,close\r2024-01-02,10\r2024-01-03,\r",
        "date;close\n2024-01-02;10\n2024-01-03;\n",
        "date\tclose\n2024-01-02\t10\n2024-01-03\t\n",
        "date|close\n2024-01-02|10\n2024-01-03|\n",
        '"date","close"\n"2024-01-02","10"\n"2024-01-03",""\n',
    ],
)
def test_every_usual_way_of_writing_a_table_is_read(text: str) -> None:
    sheet = read(text)

    assert rows_of(sheet) == [(2, "2024-01-02", "10"), (3, "2024-01-03", "")]
    assert sheet.defects is None


def test_a_given_delimiter_is_taken() -> None:
    sheet = read("date:close\n2024-01-02:10\n", delimiter=":")

    assert rows_of(sheet) == [(2, "2024-01-02", "10")]


def test_lines_are_those_an_editor_shows() -> None:
    text = 'date,close\n\n2024-01-02,"10\n"\n\n   \n2024-01-05,11\n'

    assert rows_of(read(text)) == [(3, "2024-01-02", "10\n"), (7, "2024-01-05", "11")]


def test_what_stands_above_the_header_and_below_the_rows_is_left_out() -> None:
    text = (
        "Prices\n\nfrom the exchange, delayed\ndate,close\n2024-01-02,10\n\nAll rights reserved\n"
    )

    sheet = read(text)

    assert sheet.header == [["date", "close"]]
    assert rows_of(sheet) == [(5, "2024-01-02", "10")]
    assert sheet.notes == ("remarks below the rows, from line 7 on",)


@pytest.mark.parametrize(
    "last", ["2024-01-03", "2024-01-03,", "n/a,11", "Total,5", "n/a,", "soon,more"]
)
def test_a_last_row_with_a_time_or_a_number_is_a_row(last: str) -> None:
    sheet = read(f"date,close\n2024-01-02,10\n{last}\n")

    assert len(sheet.lines) == 2


def test_a_ragged_row_is_kept_with_what_is_wrong_with_it() -> None:
    sheet = read("date,close,volume\n2024-01-02,10,5\n2024-01-03\n2024-01-04,11,6,7\n")

    assert rows_of(sheet) == [
        (2, "2024-01-02", "10"),
        (3, "2024-01-03", None),
        (4, "2024-01-04", "11"),
    ]
    assert sheet.defects is not None
    assert sheet.defects.to_pylist() == [
        None,
        "1 value where the header has 3 columns: 2024-01-03",
        "4 values where the header has 3 columns: 2024-01-04,11,6,7",
    ]


def test_a_long_ragged_row_is_shown_by_its_start() -> None:
    sheet = read(f"date,close\n2024-01-02,10\n2024-01-03,10,{'x' * 1000}\n")

    assert sheet.defects is not None
    assert len(sheet.defects[1].as_py()) < 400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n\r\n", "is empty"),
        (b"date,close\n", "has a header and no rows"),
        (b"date,close", "has a header and no rows"),
        (b"date,close\n\n\n", "has a header and no rows"),
        (b"date,close\nAll rights reserved\n", "has a header and no rows"),
        (b'date,close\n2024-01-02,10\n2024-01-03,"11\n2024-01-04,12\n', "begins on line 3"),
        (b'date,close\n2024-01-02,"10', "begins on line 2"),
        (b'date,close\n2024-01-02,"' + b"9" * 200_000 + b'"\n', "begins on line 2"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_the_file(content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=rf"prices\.csv.*{message}") as error:
        read(content)

    assert error.value.next_step


CELLS = st.text(st.sampled_from('a1.,; "\n\r\té€'), max_size=4)


@example("1,2\n\n3,4")
@example("1,2\r\r3,4")
@example("1,2\r\n\r\n3,4")
@example("1,2\r3,4\n")
@example('"1","2"\n"3","4"')
@example('"1","2\n2"\n"3","4"')
@example('1,",a"b\n"c",d')
@example('"a,"b",c"')
@example('"a""b",2')
@given(st.lists(st.lists(CELLS, min_size=1, max_size=3).map(",".join), max_size=6).map("\n".join))
def test_the_fast_reader_never_differs_from_the_thorough_one(body: str) -> None:
    text = f"date,close\n{body}".encode()
    header = [["date", "close"]]

    fast = delimited._plain_sheet(text, ",", header, 2, 2)

    if fast is not None:
        thorough = delimited._any_sheet(text, ",", header, 2, 2, LOCATOR)
        assert list(fast.lines) == list(thorough.lines)
        assert pa.table(fast.columns, ["a", "b"]).equals(pa.table(thorough.columns, ["a", "b"]))
        assert thorough.defects is None


@pytest.mark.parametrize(
    "text",
    [
        b'"date","close"\n2024-01-02,10\n',
        b'"date","close"\r\n"2024-01-02","1.234,5"\r\n"2024-01-03",""\r\n',
    ],
)
def test_the_fast_reader_takes_plain_and_quoted_files(text: bytes) -> None:
    assert delimited._plain_sheet(text, ",", [["date", "close"]], 2, 2) is not None
