"""Every value lies between two bounds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import reduce
from operator import and_
from typing import Any, Literal, Self

from pydantic import model_validator

from sentinel_lib.rules.rule import RowRule


class Between(RowRule):
    """Every value that is there lies between two bounds; ``strict`` ones are excluded."""

    expect: Literal["expect_column_values_to_be_between"]
    column: str
    min_value: float | None = None
    max_value: float | None = None
    strict_min: bool = False
    strict_max: bool = False

    compares_numbers = True

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min_value is None and self.max_value is None:
            raise ValueError(f"{self.expect} needs min_value, max_value or both")
        if self.min_value is None or self.max_value is None:
            return self
        if self.min_value > self.max_value:
            raise ValueError(f"min_value {self.min_value} is above max_value {self.max_value}")
        return self

    @property
    def expectation_arguments(self) -> dict[str, Any]:
        # An open bound would let infinity pass.
        largest = sys.float_info.max
        return {"min_value": -largest, "max_value": largest, **self.arguments}

    def holds(self, rows: Any) -> Any:
        value, bounds = rows[self.column], []
        if self.min_value is not None:
            bounds.append(value > self.min_value if self.strict_min else value >= self.min_value)
        if self.max_value is not None:
            bounds.append(value < self.max_value if self.strict_max else value <= self.max_value)
        return reduce(and_, bounds)

    def explain(self, texts: Mapping[str, str | None]) -> str:
        bounds = []
        if self.min_value is not None:
            bounds.append(f"{'above' if self.strict_min else 'at least'} {self.min_value:.15g}")
        if self.max_value is not None:
            bounds.append(f"{'below' if self.strict_max else 'at most'} {self.max_value:.15g}")
        return f"{self.column} {texts[self.column]} should be {' and '.join(bounds)}"
