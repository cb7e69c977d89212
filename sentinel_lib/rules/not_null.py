"""Every row has a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sentinel_lib.rules.rule import RowRule


class NotNull(RowRule):
    """Every row has a value in ``column``."""

    expect: Literal["expect_column_values_to_not_be_null"]
    column: str

    judges_missing = True
    is_told_by_the_bar = True

    def holds(self, rows: Any) -> Any:
        return rows[self.column].notnull()

    def explain(self, texts: Mapping[str, str | None]) -> str:
        return f"{self.column}: has no value"
