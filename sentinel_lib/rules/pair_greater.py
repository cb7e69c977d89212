"""``column_A`` is greater than ``column_B`` wherever both are there."""

from typing import Any, ClassVar, Literal

from sentinel_lib.rules.rule import Row, RowRule


class PairGreater(RowRule):
    expect: Literal["expect_column_pair_values_a_to_be_greater_than_b"]
    column_A: str  # noqa: N815 (the expectation's own argument)
    column_B: str  # noqa: N815
    or_equal: bool = False

    is_told_by_the_bar = True
    compares_numbers = True
    expectation_defaults: ClassVar = {"ignore_row_if": "either_value_is_missing"}

    def holds(self, rows: Any) -> Any:
        left, right = rows[self.column_A], rows[self.column_B]
        return left >= right if self.or_equal else left > right

    def explain(self, row: Row) -> str:
        left, right = (f"{column} {row[column]}" for column in self.columns)
        return f"{left} should be {'at least' if self.or_equal else 'greater than'} {right}"
