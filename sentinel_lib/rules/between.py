"""Every value that is there lies between two bounds; ``strict`` ones are excluded."""

import sys
from functools import reduce
from operator import and_
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from sentinel_lib.rules.rule import Row, RowRule

_LARGEST = sys.float_info.max


class Between(RowRule):
    expect: Literal["expect_column_values_to_be_between"]
    column: str
    min_value: float | None = None
    max_value: float | None = None
    strict_min: bool = False
    strict_max: bool = False

    compares_numbers = True
    # An open bound would let infinity pass.
    expectation_defaults: ClassVar = {"min_value": -_LARGEST, "max_value": _LARGEST}

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min_value is None and self.max_value is None:
            raise ValueError(f"{self.expect} needs min_value, max_value or both")
        if self.min_value is None or self.max_value is None:
            return self
        if self.min_value > self.max_value:
            raise ValueError(f"min_value {self.min_value} is above max_value {self.max_value}")
        return self

    def holds(self, rows: Any) -> Any:
        value, bounds = rows[self.column], []
        if self.min_value is not None:
            bounds.append(value > self.min_value if self.strict_min else value >= self.min_value)
        if self.max_value is not None:
            bounds.append(value < self.max_value if self.strict_max else value <= self.max_value)
        return reduce(and_, bounds)

    def explain(self, row: Row) -> str:
        bounds = []
        if self.min_value is not None:
            bounds.append(f"{'above' if self.strict_min else 'at least'} {self.min_value:.15g}")
        if self.max_value is not None:
            bounds.append(f"{'below' if self.strict_max else 'at most'} {self.max_value:.15g}")
        return f"{self.column} {row[self.column]} should be {' and '.join(bounds)}"
