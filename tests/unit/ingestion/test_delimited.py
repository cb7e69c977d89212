from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion.delimited import DelimitedText

LOCATOR = "prices.csv"
POSITIONS = {"timestamp": 0, "close": 1}


def read(text: str | bytes, delimiter: str | None = None) -> pa.Table:
    content = text.encode() if isinstance(text, str) else text
    return DelimitedText(content, delimiter, LOCATOR).bars(POSITIONS, "X")


def rows_of(table: pa.Table) -> list[tuple[int, str | None, str | None]]:
    return [(row["line"], row["timestamp"], row["close"]) for row in table.to_pylist()]


@pytest.mark.parametrize(
    "text",
    [
        "date,close\n2024-01-02,10\n2024-01-03,\n",
        "date,close\n2024-01-02,10\n2024-01-03,",
        "date,close\r\n2024-01-02,10\r\n2024-01-03,\r\n",
        "date,close\r2024-01-02,10\r2024-01-03,\r",
        "\ufeffdate,close\n2024-01-02,10\n2024-01-03,\n",
        "date;close\n2024-01-02;10\n2024-01-03;\n",
        "date\tclose\n2024-01-02\t10\n2024-01-03\t\n",
        "date|close\n2024-01-02|10\n2024-01-03|\n",
        '"date","close"\n"2024-01-02","10"\n"2024-01-03",""\n',
    ],
)
def test_every_usual_way_of_writing_a_table_is_read(text: str) -> None:
    table = read(text)

    assert rows_of(table) == [(2, "2024-01-02", "10"), (3, "2024-01-03", "")]
    assert table.column("defect").null_count == 2


def test_the_delimiter_is_the_one_the_header_has_most_of() -> None:
    table = read('date;"close, in EUR, adjusted"\n2024-01-02;1,5\n')

    assert rows_of(table) == [(2, "2024-01-02", "1,5")]


def test_a_given_delimiter_is_taken() -> None:
    table = read("date:close\n2024-01-02:10\n", delimiter=":")

    assert rows_of(table) == [(2, "2024-01-02", "10")]


def test_lines_are_those_an_editor_shows() -> None:
    text = 'date,close\n\n2024-01-02,"10\n"\n\n   \n2024-01-05,11\n'

    table = read(text)

    assert rows_of(table) == [(3, "2024-01-02", "10\n"), (7, "2024-01-05", "11")]


def test_blank_lines_above_the_header_count() -> None:
    table = read("\n\ndate,close\n2024-01-02,10\n")

    assert rows_of(table) == [(4, "2024-01-02", "10")]


def test_a_ragged_row_is_kept_with_what_is_wrong_with_it() -> None:
    table = read("date,close,volume\n2024-01-02,10,5\n2024-01-03\n2024-01-04,11,6,7\n")

    assert rows_of(table) == [
        (2, "2024-01-02", "10"),
        (3, "2024-01-03", None),
        (4, "2024-01-04", "11"),
    ]
    assert table.column("defect").to_pylist() == [
        None,
        "1 value where the header has 3 columns: 2024-01-03",
        "4 values where the header has 3 columns: 2024-01-04,11,6,7",
    ]


def test_a_long_ragged_row_is_shown_by_its_start() -> None:
    table = read(f"date,close\n2024-01-02,10,{'x' * 1000}\n")

    assert len(table.column("defect")[0].as_py()) < 400


def test_columns_that_the_file_lacks_are_null() -> None:
    table = read("date,close\n2024-01-02,10\n")

    assert table.column("open").to_pylist() == [None]
    assert table.column("symbol").to_pylist() == ["X"]
    assert table.column("is_provisional").to_pylist() == [False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n\r\n", "is empty"),
        (b"date,close\n", "has a header and no rows"),
        (b"date,close", "has a header and no rows"),
        (b"date,close\n\n\n", "has a header and no rows"),
        (b"\x7fELF\x00\x01", "is not a text file"),
        ("date,close\n2024-01-02,10\n".encode("utf-16"), "is not a text file"),
        (b"date,close\n2024-01-02,10\n2024-01-03,\xff\n", "line 3 has a byte"),
        (b"d\xe9,close\n2024-01-02,10\n", "line 1 has a byte"),
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
@given(st.lists(st.lists(CELLS, min_size=1, max_size=3).map(",".join), max_size=6).map("\n".join))
def test_the_fast_reader_never_differs_from_the_thorough_one(body: str) -> None:
    text = f"date,close\n{body}".encode()
    file = DelimitedText(text, ",", LOCATOR)

    fast = file.plain_bars(POSITIONS, "X")

    if fast is not None:
        assert fast.equals(file.any_bars(POSITIONS, "X"))


def test_the_fast_reader_takes_a_plain_file() -> None:
    text = b'"date","close"\n2024-01-02,10\n'

    assert DelimitedText(text, None, LOCATOR).plain_bars(POSITIONS) is not None
