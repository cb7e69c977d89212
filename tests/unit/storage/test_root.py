from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_lib.errors import StorageError
from sentinel_lib.storage import root
from sentinel_lib.storage.layout import Layout


def a_table(data: Path) -> None:
    (data / "silver" / "bars" / "_delta_log").mkdir(parents=True)


def test_a_folder_without_tables_is_marked_as_of_this_version(tmp_path: Path) -> None:
    root.begin(tmp_path)
    a_table(tmp_path)

    root.require_current(tmp_path)

    assert not root.is_older(tmp_path)


def test_a_folder_with_tables_and_no_mark_was_written_before_there_were_marks(
    tmp_path: Path,
) -> None:
    a_table(tmp_path)

    root.begin(tmp_path)

    assert root.is_older(tmp_path)
    with pytest.raises(StorageError, match="are of version 1") as refused:
        root.require_current(tmp_path)
    assert refused.value.next_step == "python run_pipeline.py upgrade"


def test_what_notebooks_wrote_by_hand_alone_is_no_table(tmp_path: Path) -> None:
    a_table(tmp_path / "sandbox")

    root.require_current(tmp_path)


@pytest.mark.parametrize("mark", ["", "{", "[]", '{"version": "new"}'])
def test_a_mark_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, mark: str) -> None:
    (tmp_path / "ops").mkdir()
    Layout(tmp_path).version.write_text(mark)

    with pytest.raises(StorageError, match=r"root\.json does not say which version"):
        root.require_current(tmp_path)
