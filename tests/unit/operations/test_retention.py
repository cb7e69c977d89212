from __future__ import annotations

import os
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sentinel_lib.clock import duration
from sentinel_lib.errors import UsageError
from sentinel_lib.operations.inspection import inspect
from sentinel_lib.operations.results import Tidied
from sentinel_lib.operations.retention import vacuum
from sentinel_lib.storage.layout import DELTA_LOG, Layout


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12h", timedelta(hours=12)), (" 30d", timedelta(days=30)), ("4w", timedelta(weeks=4))],
)
def test_a_time_to_keep_is_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "30", "d", "1.5d", "-1d", "30 days"])
def test_another_text_is_not_a_time_to_keep(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time to keep") as caught:
        duration(text)

    assert caught.value.next_step == "write a whole number and h, d or w for hours, days or weeks"


def test_only_what_a_killed_run_left_longer_ago_is_removed(tmp_path: Path) -> None:
    old, new = tmp_path / ".aggregates.csv.half", tmp_path / "ops" / ".run.json.half"
    new.parent.mkdir()
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))

    tidied = vacuum(tmp_path, timedelta(days=1))

    assert tidied == Tidied(files={}, strays=1)
    assert (old.exists(), new.exists()) == (False, True)


def test_table_whose_first_writer_was_killed_is_passed_over(tmp_path: Path) -> None:
    (Layout(tmp_path).table("silver.bars") / DELTA_LOG).mkdir(parents=True)

    assert vacuum(tmp_path, timedelta(days=1)) == Tidied(files={}, strays=0)
    assert inspect(tmp_path, datetime(2026, 11, 26, tzinfo=UTC), nullcontext).problems == ()
