"""Every value that is there is one of a set."""

from typing import Annotated, Any, Literal

from pydantic import Field

from sentinel_lib.records.bar import VALUE_COLUMNS
from sentinel_lib.rules.rule import Row, RowRule


class InSet(RowRule):
    expect: Literal["expect_column_values_to_be_in_set"]
    column: str
    value_set: Annotated[list[str | float], Field(min_length=1)]

    def misfit(self) -> str:
        if self.column == "timestamp":
            return f"{self.name}: a set holds numbers or texts, and timestamp has neither"
        kind = float if self.column in VALUE_COLUMNS else str
        misfits = [value for value in self.value_set if not isinstance(value, kind)]
        if not misfits:
            return ""
        return f"{self.name}: {misfits[0]!r} is not a value that {self.column} can have"

    def holds(self, rows: Any) -> Any:
        return rows[self.column].isin(self.value_set)

    def explain(self, row: Row) -> str:
        return f"{self.column} {row[self.column]!r} should be one of {self.value_set}"
