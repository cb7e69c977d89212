"""Every row has a value in ``column``."""

from typing import Any, Literal

from sentinel_lib.rules.rule import Row, RowRule


class NotNull(RowRule):
    expect: Literal["expect_column_values_to_not_be_null"]
    column: str

    judges_missing = True
    is_told_by_the_bar = True

    def holds(self, rows: Any) -> Any:
        return rows[self.column].notnull()

    def explain(self, row: Row) -> str:
        return f"{self.column}: has no value"
