"""``config/expectations/*.yaml``: the rules of each layer, and the limits of its gate.

One file drives two things: the row rules that quarantine, and the Great Expectations suite that
must then agree. So only expectations that have both forms are accepted here.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from sentinel_lib.errors import nearest
from sentinel_lib.records.bar import VALUE_COLUMNS, Bar
from sentinel_lib.records.roles import SILVER_BARS
from sentinel_lib.rules.kinds import AnyRule, RowRule
from sentinel_lib.settings.document import Document, read_document
from sentinel_lib.settings.model import ConfigModel

OnDrift = Literal["allow", "warn", "block"]
LAYERS = ("bronze", "silver", "gold")
DRIFT_LAYER = "bronze"
ASSETS_LAYER = "silver"


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
    rules: Annotated[list[AnyRule], Field(min_length=1)]
    limits: SuiteLimits = SuiteLimits()
    schema_drift: SchemaDrift = SchemaDrift()

    @property
    def row_rules(self) -> list[RowRule]:
        """The rules that can be decided row by row."""
        return [rule for rule in self.rules if isinstance(rule, RowRule)]

    @property
    def strict_rules(self) -> list[RowRule]:
        """The row rules that quarantine nothing: a good row may break them."""
        return [rule for rule in self.row_rules if rule.on_fail != "quarantine"]


def load_suite(config: Path, layer: str, shown: Path | None = None) -> Suite:
    """The suite of a layer; raises ``ConfigError`` naming file and line.

    ``shown`` is the folder that messages name, if ``config`` is a copy of it.
    """
    name = f"expectations/{layer}.yaml"
    document = read_document(config / name, (shown or config) / name)
    suite = document.read_as(Suite)
    _require_effect(suite, layer, document)
    quarantining: set[str] = set()
    # A rule about a column that no bar has would never apply, and so never fail.
    for index, rule in enumerate(suite.rules if suite.table == SILVER_BARS else ()):
        wrong = rule.misfit()
        expected = f"numbers for {', '.join(VALUE_COLUMNS)}; texts for symbol and interval"
        if unknown := [column for column in rule.columns if column not in Bar.model_fields]:
            wrong = f"unknown column '{unknown[0]}'{nearest(unknown[0], Bar.model_fields)}"
            expected = f"one of {', '.join(Bar.model_fields)}"
        if rule.on_fail == "quarantine":
            if rule.name in quarantining:
                wrong = f"another rule named {rule.name} quarantines rows already"
                expected = "one, so that a quarantined row says which rule it breaks"
            quarantining.add(rule.name)
        if wrong:
            next_step = "correct the rule, or remove it"
            raise document.error(("rules", index), wrong, expected=expected, next_step=next_step)
    return suite


def _require_effect(suite: Suite, layer: str, document: Document) -> None:
    """Raise ``ConfigError`` for a key that has no effect in the file of this layer."""
    if layer != DRIFT_LAYER and "schema_drift" in suite.model_fields_set:
        raise document.error(
            ("schema_drift",),
            f"schema_drift has no effect in {layer}.yaml: only payloads have source columns",
            expected=f"schema_drift in {DRIFT_LAYER}.yaml",
            next_step=f"move it to {DRIFT_LAYER}.yaml",
        )
    for index, rule in enumerate(suite.rules if layer != ASSETS_LAYER else ()):
        if isinstance(rule, RowRule) and rule.for_:
            raise document.error(
                ("rules", index, "for"),
                f"for has no effect in {layer}.yaml: only rules about bars know the assets' terms",
                expected=f"for in {ASSETS_LAYER}.yaml",
                next_step="remove it; the rule is then about every asset",
            )
