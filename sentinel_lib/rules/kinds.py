"""Every kind of rule that a suite may hold: its keys, its row form, its words, its expectation.

Commands that only read the configuration import this, so nothing here imports Ibis.
"""

import operator
import sys
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sentinel_lib.records.bar import VALUE_COLUMNS, Prices
from sentinel_lib.settings.model import ConfigModel

_LARGEST = sys.float_info.max

Row = Mapping[str, Any]
"""A raw row: the text of each column, or None."""


class Rule(ConfigModel):
    """One rule of a suite. ``expect`` is the type of its expectation in Great Expectations."""

    expect: str
    on_fail: Literal["quarantine", "warn", "block"]

    expectation_defaults: ClassVar[dict[str, Any]] = {}
    """What its expectation is told besides ``arguments``, so that both forms say the same."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at. A rule does not apply to an asset that lacks one of them."""
        return tuple(value for key, value in self if key in ("column", "column_A", "column_B"))

    @property
    def arguments(self) -> dict[str, Any]:
        """Its keys as they were written, defaults (None, False) left out."""
        written = self.model_dump(exclude={"expect", "on_fail", "for_"}, exclude_none=True)
        return {key: value for key, value in written.items() if value is not False}

    @property
    def name(self) -> str:
        """How a check or a quarantined row names this rule."""
        return f"{self.expect}({', '.join(self.columns)})"

    def misfit(self) -> str:
        """What is wrong with it as a rule about bars, whose columns it names; empty if nothing."""
        return ""

    @abstractmethod
    def decisive(self, rows: Any, key: Sequence[str] = ()) -> list[Any]:
        """Of an Ibis table the rows that decide what this rule says of all of them: it holds for
        all if it holds for these. They are not told by ``holds``, which they are to control.

        ``key`` names columns in which no two rows are known to agree.
        """


class ForAssets(ConfigModel):
    """The assets that a rule is about, by their terms."""

    prices: Prices


class RowRule(Rule):
    """A rule that can be decided row by row. ``for`` names the assets it is about, if not all."""

    for_: ForAssets | None = Field(None, alias="for")

    judges_missing: ClassVar[bool] = False
    """Whether it says something about a row that lacks a value."""
    is_told_by_the_bar: ClassVar[bool] = False
    """Whether the ``Bar`` model says so too, so that its words need not be repeated."""
    compares_numbers: ClassVar[bool] = False

    def is_about(self, prices: Prices) -> bool:
        """Whether it applies to assets with these ``prices``."""
        return self.for_ is None or self.for_.prices == prices

    @abstractmethod
    def holds(self, rows: Any) -> Any:
        """The row form: whether each row of an Ibis table keeps it, NULL where it says nothing."""

    @abstractmethod
    def explain(self, row: Row) -> str:
        """Why a row that breaks it is quarantined."""

    def misfit(self) -> str:
        for column in self.columns:
            if self.compares_numbers and column not in VALUE_COLUMNS:
                return f"{self.name} compares numbers, and {column} has none"
        return ""


class TableRule(Rule):
    """A rule about a whole table: it has no row to quarantine."""

    @model_validator(mode="after")
    def _has_no_row_to_quarantine(self) -> Self:
        if self.on_fail == "quarantine":
            raise ValueError(
                f"on_fail: quarantine is for rules about rows, and {self.expect} "
                "is about a whole table; write warn or block"
            )
        return self


class NotNull(RowRule):
    """Every row has a value in ``column``."""

    expect: Literal["expect_column_values_to_not_be_null"]
    column: str

    judges_missing = True
    is_told_by_the_bar = True

    def holds(self, rows: Any) -> Any:
        return rows[self.column].notnull()

    def explain(self, row: Row) -> str:
        return f"{self.column}: has no value"

    def decisive(self, rows: Any, key: Sequence[str] = ()) -> list[Any]:
        return [rows.filter(rows[self.column].isnull()).limit(1)]


class Between(RowRule):
    """Every value that is there lies between two bounds; ``strict`` ones are excluded."""

    expect: Literal["expect_column_values_to_be_between"]
    column: str
    min_value: float | None = None
    max_value: float | None = None
    strict_min: bool = False
    strict_max: bool = False

    compares_numbers = True
    # An open bound would let infinity pass.
    expectation_defaults: ClassVar = {"min_value": -_LARGEST, "max_value": _LARGEST}

    @property
    def _bounds(self) -> list[tuple[Callable[[Any, float], Any], str, float]]:
        """How a value compares with each bound that is set, by an operator and in words."""
        low = (operator.gt, "above") if self.strict_min else (operator.ge, "at least")
        high = (operator.lt, "below") if self.strict_max else (operator.le, "at most")
        bounds = ((low, self.min_value), (high, self.max_value))
        return [(*how, bound) for how, bound in bounds if bound is not None]

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        low, high = self.min_value, self.max_value
        if low is None and high is None:
            raise ValueError(f"{self.expect} needs min_value, max_value or both")
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_value {low} is above max_value {high}")
        return self

    def holds(self, rows: Any) -> Any:
        value = rows[self.column]
        return reduce(operator.and_, (keeps(value, bound) for keeps, _, bound in self._bounds))

    def explain(self, row: Row) -> str:
        bounds = " and ".join(f"{words} {bound:.15g}" for _, words, bound in self._bounds)
        return f"{self.column} {row[self.column]} should be {bounds}"

    def decisive(self, rows: Any, key: Sequence[str] = ()) -> list[Any]:
        present = rows.filter(rows[self.column].notnull())
        least = present.order_by(present[self.column]).limit(1)
        return [least, present.order_by(present[self.column].desc()).limit(1)]


class InSet(RowRule):
    """Every value that is there is one of a set."""

    expect: Literal["expect_column_values_to_be_in_set"]
    column: str
    value_set: Annotated[list[str | float], Field(min_length=1)]

    def misfit(self) -> str:
        if self.column == "timestamp":
            return f"{self.name}: a set holds numbers or texts, and timestamp has neither"
        kind = float if self.column in VALUE_COLUMNS else str
        for value in self.value_set:
            if not isinstance(value, kind):
                return f"{self.name}: {value!r} is not a value that {self.column} can have"
        return ""

    def holds(self, rows: Any) -> Any:
        return rows[self.column].isin(self.value_set)

    def explain(self, row: Row) -> str:
        return f"{self.column} {row[self.column]!r} should be one of {self.value_set}"

    def decisive(self, rows: Any, key: Sequence[str] = ()) -> list[Any]:
        return [rows.distinct(on=[self.column])]


class PairGreater(RowRule):
    """``column_A`` is greater than ``column_B`` wherever both are there."""

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

    def decisive(self, rows: Any, key: Sequence[str] = ()) -> list[Any]:
        left, right = rows[self.column_A], rows[self.column_B]
        present = rows.filter(left.notnull(), right.notnull())
        return [present.order_by(left >= right, left > right).limit(1)]


class ColumnExists(TableRule):
    """The table has ``column``."""

    expect: Literal["expect_column_to_exist"]
    column: str

    def decisive(self, rows: Any, key: Sequence[str] = ()) -> list[Any]:
        return []


class UniqueTogether(TableRule):
    """No two rows agree in all columns of ``column_list``."""

    expect: Literal["expect_compound_columns_to_be_unique"]
    column_list: Annotated[list[str], Field(min_length=2)]

    # Otherwise rows without any of the key would not be judged at all.
    expectation_defaults: ClassVar = {"ignore_row_if": "never"}

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.column_list)

    def decisive(self, rows: Any, key: Sequence[str] = ()) -> list[Any]:
        if key and set(key).issubset(self.column_list):
            return []
        counted = rows.group_by(self.column_list).agg(alike=rows.count())
        repeated = counted.filter(counted.alike > 1).limit(1)
        is_alike = [rows[name].identical_to(repeated[name]) for name in self.column_list]
        return [rows.semi_join(repeated, is_alike).limit(2)]


class RowCount(TableRule):
    """The table has from ``min_value`` to ``max_value`` rows."""

    expect: Literal["expect_table_row_count_to_be_between"]
    min_value: Annotated[int, Field(ge=0)] = 1
    max_value: int | None = None

    def decisive(self, rows: Any, key: Sequence[str] = ()) -> list[Any]:
        return [rows.limit(max(self.min_value, (self.max_value or 0) + 1))]


AnyRule = Annotated[
    NotNull | Between | InSet | PairGreater | ColumnExists | UniqueTogether | RowCount,
    Field(discriminator="expect"),
]
"""Every kind of rule that a suite may hold."""
