"""One column is greater than another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sentinel_lib.rules.rule import RowRule


class PairGreater(RowRule):
    """``column_A`` is greater than ``column_B`` wherever both are there."""

    expect: Literal["expect_column_pair_values_a_to_be_greater_than_b"]
    column_A: str  # noqa: N815 (the expectation's own argument)
    column_B: str  # noqa: N815
    or_equal: bool = False

    is_told_by_the_bar = True
    compares_numbers = True

    @property
    def expectation_arguments(self) -> dict[str, Any]:
        return {**self.arguments, "ignore_row_if": "either_value_is_missing"}

    def holds(self, rows: Any) -> Any:
        left, right = rows[self.column_A], rows[self.column_B]
        return left >= right if self.or_equal else left > right

    def explain(self, texts: Mapping[str, str | None]) -> str:
        left, right = (f"{column} {texts[column]}" for column in self.columns)
        return f"{left} should be {'at least' if self.or_equal else 'greater than'} {right}"
