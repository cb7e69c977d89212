"""What every kind of rule has: what a suite may say, its row form, its words, its expectation.

Commands that only read the configuration import this, so nothing here imports Ibis.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from sentinel_lib.records.bar import VALUE_COLUMNS
from sentinel_lib.settings.model import ConfigModel

OnFail = Literal["quarantine", "warn", "block"]
Row = Mapping[str, Any]
"""A raw row: the text of each column, or None."""


class Rule(ConfigModel):
    """One rule of a suite. ``expect`` is the type of its expectation in Great Expectations."""

    expect: str
    on_fail: OnFail

    expectation_defaults: ClassVar[dict[str, Any]] = {}
    """What its expectation is told besides ``arguments``, so that both forms say the same."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at. A rule does not apply to an asset that lacks one of them."""
        return tuple(value for key, value in self if key in ("column", "column_A", "column_B"))

    @property
    def arguments(self) -> dict[str, Any]:
        """Its keys as they were written, defaults (None, False) left out."""
        written = self.model_dump(exclude={"expect", "on_fail"})
        is_set = {key: not (value is None or value is False) for key, value in written.items()}
        return {key: value for key, value in written.items() if is_set[key]}

    @property
    def name(self) -> str:
        """How a check or a quarantined row names this rule."""
        return f"{self.expect}({', '.join(self.columns)})"

    def misfit(self) -> str:
        """What is wrong with it as a rule about bars, whose columns it names; empty if nothing."""
        return ""


class RowRule(Rule):
    """A rule that can be decided row by row."""

    judges_missing: ClassVar[bool] = False
    """Whether it says something about a row that lacks a value."""
    is_told_by_the_bar: ClassVar[bool] = False
    """Whether the ``Bar`` model says so too, so that its words need not be repeated."""
    compares_numbers: ClassVar[bool] = False

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
