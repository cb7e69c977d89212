from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_lib.errors import SourceError
from sentinel_lib.settings.input_files import covers, files_at


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    inbox = tmp_path / "in[box]"
    (inbox / "deeper").mkdir(parents=True)
    for name in ("B.csv", "A.CSV.gz", "C.parquet", "notes.md", ".hidden.csv", "deeper/D.csv"):
        (inbox / name).write_text("")
    return inbox


def test_folder_stands_for_its_own_data_files(inbox: Path) -> None:
    files = files_at(inbox)

    assert [file.name for file in files] == ["A.CSV.gz", "B.csv", "C.parquet"]


def test_file_stands_for_itself_whatever_it_is_called(inbox: Path) -> None:
    assert files_at(inbox / "notes.md") == [inbox / "notes.md"]


def test_part_of_a_pattern_that_exists_is_meant_literally(inbox: Path) -> None:
    files = files_at(inbox / "**" / "*.csv")

    assert [file.name for file in files] == ["B.csv", "D.csv"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent", "does not exist"), ("*.xls", "holds no file"), ("deeper/*.x", "holds no file")],
)
def test_path_without_files_is_an_error_that_says_where_to_put_them(
    inbox: Path, name: str, message: str
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        files_at(inbox / name)

    assert "--input PATH" in (caught.value.next_step or "")


@pytest.mark.parametrize(
    ("path", "is_covered"), [("", True), ("B.csv", True), ("*.csv", True), ("A.csv", False)]
)
def test_path_covers_a_file_that_may_be_gone(inbox: Path, path: str, is_covered: bool) -> None:
    (inbox / "B.csv").unlink()

    assert covers(inbox / path, inbox / "B.csv") is is_covered
