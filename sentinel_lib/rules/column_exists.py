"""The table has ``column``."""

from typing import Literal

from sentinel_lib.rules.rule import TableRule


class ColumnExists(TableRule):
    expect: Literal["expect_column_to_exist"]
    column: str
