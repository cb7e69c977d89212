"""The table has from ``min_value`` to ``max_value`` rows."""

from typing import Annotated, Literal

from pydantic import Field

from sentinel_lib.rules.rule import TableRule


class RowCount(TableRule):
    expect: Literal["expect_table_row_count_to_be_between"]
    min_value: Annotated[int, Field(ge=0)] = 1
    max_value: int | None = None
