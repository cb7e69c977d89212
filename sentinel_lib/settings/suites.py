"""``config/expectations/*.yaml``: the rules of each layer, and the limits of its gate.

One file drives two things: the row rules that quarantine, and the Great Expectations suite that
must then agree. So only expectations that have both forms are accepted here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sentinel_lib.errors import nearest
from sentinel_lib.records.bar import VALUE_COLUMNS, Bar
from sentinel_lib.records.roles import SILVER_BARS
from sentinel_lib.settings.document import Document, read_document
from sentinel_lib.settings.model import ConfigModel

OnFail = Literal["quarantine", "warn", "block"]
OnDrift = Literal["allow", "warn", "block"]
LAYERS = ("bronze", "silver", "gold")
DRIFT_LAYER = "bronze"

_KINDS = f"numbers for {', '.join(VALUE_COLUMNS)}; texts for symbol and interval"


class _Rule(ConfigModel):
    expect: str
    on_fail: OnFail

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at. A rule does not apply to an asset that lacks one of them."""
        raise NotImplementedError

    @property
    def arguments(self) -> dict[str, Any]:
        """What the expectation of the same name takes, its defaults (None, False) left out."""
        return {
            key: value
            for key, value in self.model_dump(exclude={"expect", "on_fail"}).items()
            if value is not None and value is not False
        }

    @property
    def name(self) -> str:
        """How a check or a quarantined row names this rule."""
        return f"{self.expect}({', '.join(self.columns)})"


class _ColumnRule(_Rule):
    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


class NotNull(_ColumnRule):
    """Every row has a value."""

    expect: Literal["expect_column_values_to_not_be_null"]


class Between(_ColumnRule):
    """Every value that is there lies between two bounds; ``strict`` ones are excluded."""

    expect: Literal["expect_column_values_to_be_between"]
    min_value: float | None = None
    max_value: float | None = None
    strict_min: bool = False
    strict_max: bool = False

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min_value is None and self.max_value is None:
            raise ValueError(
                "expect_column_values_to_be_between needs min_value, max_value or both"
            )
        if self.min_value is None or self.max_value is None:
            return self
        if self.min_value > self.max_value:
            raise ValueError(f"min_value {self.min_value} is above max_value {self.max_value}")
        return self


class InSet(_ColumnRule):
    """Every value that is there is one of a set."""

    expect: Literal["expect_column_values_to_be_in_set"]
    value_set: Annotated[list[str | float], Field(min_length=1)]


class PairGreater(_Rule):
    """``column_A`` is greater than ``column_B`` wherever both are there."""

    expect: Literal["expect_column_pair_values_a_to_be_greater_than_b"]
    column_A: str  # noqa: N815 (the expectation's own argument)
    column_B: str  # noqa: N815
    or_equal: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column_A, self.column_B)


class _TableRule(_Rule):
    """An expectation about a whole table: it has no row to quarantine."""

    @model_validator(mode="after")
    def _has_no_row_to_quarantine(self) -> Self:
        if self.on_fail == "quarantine":
            raise ValueError(
                f"on_fail: quarantine is for rules about rows, and {self.expect} "
                "is about a whole table; write warn or block"
            )
        return self


class ColumnExists(_TableRule):
    """The table has the column."""

    expect: Literal["expect_column_to_exist"]
    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


class UniqueTogether(_TableRule):
    """No two rows agree in all of these columns."""

    expect: Literal["expect_compound_columns_to_be_unique"]
    column_list: Annotated[list[str], Field(min_length=2)]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.column_list)


class RowCount(_TableRule):
    """The table has this many rows."""

    expect: Literal["expect_table_row_count_to_be_between"]
    min_value: Annotated[int, Field(ge=0)] = 1
    max_value: int | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return ()


RowRule = NotNull | Between | InSet | PairGreater
TableRule = ColumnExists | UniqueTogether | RowCount
Rule = Annotated[RowRule | TableRule, Field(discriminator="expect")]


class SuiteLimits(ConfigModel):
    """What a gate requires of each asset besides its rules.

    ``max_quarantined_fraction`` and ``max_missing_fraction`` (of the sessions between the first
    and the last bar of the batch) apply from 20 on; below that an asset is held only if no row
    survives. ``min_session_coverage`` is the part of its bars that a session of an intraday asset
    must have; ``thin_sessions`` says what fewer do.
    """

    min_rows: Annotated[int, Field(ge=1)] = 1
    max_quarantined_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    max_missing_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    min_session_coverage: Annotated[float, Field(ge=0, le=1)] | None = 0.5
    thin_sessions: Literal["warn", "block"] = "warn"


class SchemaDrift(ConfigModel):
    """What a source column does that is not as in the last good batch: ``allow`` notes it, ``warn``
    reports it, ``block`` holds back the assets of its payload.
    """

    new: OnDrift = "warn"
    missing: OnDrift = "block"
    retyped: OnDrift = "block"


class Suite(ConfigModel):
    """The rules of one table."""

    table: str
    rules: Annotated[list[Rule], Field(min_length=1)]
    limits: SuiteLimits = SuiteLimits()
    schema_drift: SchemaDrift = SchemaDrift()

    @property
    def row_rules(self) -> list[RowRule]:
        """The rules that can be decided row by row."""
        return [rule for rule in self.rules if isinstance(rule, RowRule)]


def load_suite(config: Path, layer: str, shown: Path | None = None) -> Suite:
    """The suite of a layer; raises ``ConfigError`` naming file and line.

    ``shown`` is the folder that messages name, if ``config`` is a copy of it.
    """
    name = f"expectations/{layer}.yaml"
    document = read_document(config / name, (shown or config) / name)
    suite = document.read_as(Suite)
    if layer != DRIFT_LAYER and "schema_drift" in suite.model_fields_set:
        raise document.error(
            ("schema_drift",),
            f"schema_drift has no effect in {layer}.yaml: only payloads have source columns",
            expected=f"schema_drift in {DRIFT_LAYER}.yaml",
        )
    if suite.table == SILVER_BARS:
        _check_columns(suite, document)
    return suite


def _check_columns(suite: Suite, document: Document) -> None:
    """A rule about a column that no bar has would never apply, and so never fail."""
    for index, rule in enumerate(suite.rules):
        for column in rule.columns:
            if column not in Bar.model_fields:
                raise document.error(
                    ("rules", index),
                    f"unknown column '{column}'{nearest(column, Bar.model_fields)}",
                    expected=f"one of {', '.join(Bar.model_fields)}",
                )
        misfit = _misfit(rule)
        if misfit:
            raise document.error(("rules", index), misfit, expected=_KINDS)


def _misfit(rule: Rule) -> str:
    """What is wrong with a rule that compares a column with values of another kind."""
    numbers = [column in VALUE_COLUMNS for column in rule.columns]
    if isinstance(rule, Between | PairGreater) and not all(numbers):
        return f"{rule.name} compares numbers, and {rule.columns[numbers.index(False)]} has none"
    if not isinstance(rule, InSet):
        return ""
    if rule.column == "timestamp":
        return f"{rule.name}: a set holds numbers or texts, and timestamp has neither"
    misfits = [one for one in rule.value_set if isinstance(one, str) == numbers[0]]
    return f"{rule.name}: {misfits[0]!r} is no value that {rule.column} can have" if misfits else ""
