"""The table has a column."""

from __future__ import annotations

from typing import Literal

from sentinel_lib.rules.rule import TableRule


class ColumnExists(TableRule):
    """The table has ``column``."""

    expect: Literal["expect_column_to_exist"]
    column: str
