"""A key does not repeat."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sentinel_lib.rules.rule import TableRule


class UniqueTogether(TableRule):
    """No two rows agree in all columns of ``column_list``."""

    expect: Literal["expect_compound_columns_to_be_unique"]
    column_list: Annotated[list[str], Field(min_length=2)]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.column_list)

    @property
    def expectation_arguments(self) -> dict[str, Any]:
        # Otherwise rows without any of the key would not be judged at all.
        return {**self.arguments, "ignore_row_if": "never"}
