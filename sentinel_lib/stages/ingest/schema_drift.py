"""Schema drift: source columns that are new, missing or retyped since the last good batch.

``schema_drift`` in ``bronze.yaml`` says what each does. Where it says ``block``, that holds only
for what the payload's assets need: a column that no declared field is read from is not worth
holding an asset back, nor is a column that now is of the kind that its field has. Both only warn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from sentinel_lib.ingestion import LoggedPayload, Parsed
from sentinel_lib.ingestion.source_columns import (
    DATE,
    EMPTY,
    NUMBER,
    SourceColumn,
    columns_as_json,
)
from sentinel_lib.records.bar import VALUE_COLUMNS
from sentinel_lib.records.roles import BRONZE_FETCHES
from sentinel_lib.records.stage import Check
from sentinel_lib.settings.suites import OnDrift, SchemaDrift
from sentinel_lib.stages.ingest.earlier_fetches import GoodFetch, last_good_fetches
from sentinel_lib.stages.stage import Stage

ALWAYS_NEEDED = ("symbol", "timestamp")

_KIND_OF_FIELD = {"timestamp": DATE, **dict.fromkeys(VALUE_COLUMNS, NUMBER)}
_SHOWN_COLUMNS = 20


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """One column that is not as it was. ``change`` is ``new``, ``missing`` or ``retyped``; ``was``
    the kind it had, empty for a new one; ``does`` what the configuration makes of it.
    """

    change: str
    column: SourceColumn
    was: str
    does: OnDrift

    def __str__(self) -> str:
        use = f"read as {', '.join(self.column.fields)}" if self.column.fields else "not read"
        if self.change == "retyped":
            return f"'{self.column.name}' ({use}) is {self.column.kind} and was {self.was}"
        return f"{self.change} '{self.column.name}' ({self.column.kind}, {use})"


@dataclass(frozen=True, slots=True)
class ComparedPayload:
    """A payload beside the last good one: ``assets`` are those of this run that it holds."""

    payload: LoggedPayload
    before: GoodFetch | None
    assets: tuple[str, ...] = ()
    changes: tuple[ColumnChange, ...] = ()

    @property
    def columns(self) -> str:
        """Its columns for the fetch log; one without any value keeps the kind it had."""
        kinds = {one.name: one.kind for one in self.before.columns} if self.before else {}
        return columns_as_json(
            [
                replace(one, kind=kinds.get(one.name, EMPTY)) if one.kind == EMPTY else one
                for one in self.payload.columns
            ]
        )

    @property
    def reason(self) -> str:
        """Why its assets are held back, and what to do; empty where they are not."""
        blocking = [one for one in self.changes if one.does == "block"]
        if not blocking:
            return ""
        accepted = ", ".join(f"{name}: warn" for name in sorted({one.change for one in blocking}))
        return (
            f"schema drift in {self.payload.locator}: {_listed(blocking)}; "
            f"expected {self.expected}; mend the payload, or accept it: run once with "
            f"schema_drift: {{{accepted}}} in expectations/bronze.yaml"
        )

    @property
    def expected(self) -> str:
        """The columns it should have had."""
        if self.before is None:
            return ""
        names = [f"{one.name} ({one.kind})" for one in self.before.columns]
        more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
        shown = ", ".join(names[:_SHOWN_COLUMNS])
        return f"the columns of {self.before.locator} in run {self.before.run_id}: {shown}{more}"


def compared_payloads(stage: Stage, parsed: Parsed) -> list[ComparedPayload]:
    """Every payload of the batch beside the last good one, the first of its kind beside nothing."""
    active = {s: one for s, one in stage.chosen.items() if not one.is_paused(stage.as_of)}
    found = []
    for payload, before in zip(parsed.log, last_good_fetches(stage, parsed.log), strict=True):
        assets = tuple(symbol for symbol in payload.symbols if symbol in active)
        needed = {*ALWAYS_NEEDED, *(name for one in assets for name in active[one].columns)}
        changes: tuple[ColumnChange, ...] = ()
        if before is not None and assets:
            changes = column_changes(
                before.columns, payload.columns, needed, stage.suite.schema_drift
            )
        found.append(ComparedPayload(payload, before, assets, changes))
    return found


def column_changes(
    before: Iterable[SourceColumn],
    now: Iterable[SourceColumn],
    needed: Iterable[str],
    config: SchemaDrift,
) -> tuple[ColumnChange, ...]:
    """What is not as it was, ``needed`` being the fields that the payload's assets declare.

    Of a column without any value nothing is known, so it is of no other kind than before.
    """
    were, are = ({one.name: one for one in columns} for columns in (before, now))
    worth_blocking = set(needed)

    def does(configured: OnDrift, *columns: SourceColumn) -> OnDrift:
        is_needed = any(worth_blocking.intersection(one.fields) for one in columns)
        return configured if is_needed or configured == "allow" else "warn"

    changes = [
        ColumnChange("new", are[name], "", config.new) for name in sorted(are.keys() - were.keys())
    ]
    changes += [
        ColumnChange("missing", were[name], were[name].kind, does(config.missing, were[name]))
        for name in sorted(were.keys() - are.keys())
    ]
    for name in sorted(are.keys() & were.keys()):
        column, was = are[name], were[name]
        if EMPTY not in (column.kind, was.kind) and column.kind != was.kind:
            concerned = () if _is_as_it_should_be(column) else (column, was)
            changes.append(
                ColumnChange("retyped", column, was.kind, does(config.retyped, *concerned))
            )
    return tuple(changes)


def changes_shown(compared: Sequence[ComparedPayload]) -> pd.DataFrame:
    """What has changed, a row per payload and column."""
    rows = [
        (one.payload.locator, change.change, change.column.name, change.was, change.does)
        for one in compared
        for change in one.changes
    ]
    return pd.DataFrame(rows, columns=["payload", "change", "column", "was", "does"])


def held_by_drift(compared: Sequence[ComparedPayload]) -> dict[str, str]:
    """The assets that a drift holds back, and why."""
    reasons: dict[str, list[str]] = {}
    for one in compared:
        for symbol in one.assets if one.reason else ():
            reasons.setdefault(symbol, []).append(one.reason)
    return {symbol: "; ".join(found) for symbol, found in reasons.items()}


def drift_checks(compared: Sequence[ComparedPayload]) -> list[Check]:
    """A check per asset, payload and sort of change; allowed ones pass. Without any change there is
    one check, of all that could be compared.
    """
    checks = [
        Check(
            name=f"schema drift: {change} columns",
            passed=does == "allow",
            table=BRONZE_FETCHES,
            blocks=does == "block",
            symbol=symbol,
            observed=f"{one.payload.locator}: {_listed(alike)}",
            expected=one.expected,
        )
        for one in compared
        for (change, does), alike in _grouped(one.changes).items()
        for symbol in one.assets
    ]
    known = sum(one.before is not None for one in compared)
    if checks or not known:
        return checks
    observed = f"{known} of {len(compared)} payloads compared, no column changed"
    return [Check(name="schema drift", passed=True, table=BRONZE_FETCHES, observed=observed)]


def _is_as_it_should_be(column: SourceColumn) -> bool:
    kinds = {_KIND_OF_FIELD.get(field) for field in column.fields}
    return kinds == {column.kind}


def _grouped(
    changes: Iterable[ColumnChange],
) -> Mapping[tuple[str, OnDrift], list[ColumnChange]]:
    groups: dict[tuple[str, OnDrift], list[ColumnChange]] = {}
    for one in changes:
        groups.setdefault((one.change, one.does), []).append(one)
    return groups


def _listed(changes: Sequence[ColumnChange]) -> str:
    more = f" and {len(changes) - _SHOWN_COLUMNS} more" if len(changes) > _SHOWN_COLUMNS else ""
    return ", ".join(str(one) for one in changes[:_SHOWN_COLUMNS]) + more
