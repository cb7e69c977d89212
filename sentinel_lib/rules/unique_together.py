"""No two rows agree in all columns of ``column_list``."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sentinel_lib.rules.rule import TableRule


class UniqueTogether(TableRule):
    expect: Literal["expect_compound_columns_to_be_unique"]
    column_list: Annotated[list[str], Field(min_length=2)]

    # Otherwise rows without any of the key would not be judged at all.
    expectation_defaults: ClassVar = {"ignore_row_if": "never"}

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.column_list)
