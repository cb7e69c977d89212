"""Schema drift: source columns that are new, missing or retyped since the last good batch.

``schema_drift`` in ``bronze.yaml`` says what each does. Where it says ``block``, that holds only
for what the payload's assets need: a column that no declared field is read from is not worth
holding an asset back, nor is a column that now is of the kind that its field has. Both only warn.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from sentinel_lib.errors import counted, listed
from sentinel_lib.ingestion.fetches import LoggedPayload
from sentinel_lib.ingestion.source_columns import DATE, EMPTY, NUMBER, SourceColumn, columns_as_json
from sentinel_lib.records.bar import VALUE_COLUMNS
from sentinel_lib.records.roles import BRONZE_FETCHES
from sentinel_lib.records.stage import Check
from sentinel_lib.rules.suites import OnDrift, SchemaDrift
from sentinel_lib.settings.assets import Asset

ALWAYS_NEEDED = ("symbol", "timestamp")

_KIND_OF_FIELD = {"timestamp": DATE, **dict.fromkeys(VALUE_COLUMNS, NUMBER)}
_SHOWN_COLUMNS = 20


@dataclass(frozen=True, slots=True)
class GoodFetch:
    """An earlier fetch that was let through: in which run, from where, and with what columns."""

    run_id: str
    locator: str
    columns: tuple[SourceColumn, ...]


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """One column that is not as it was. ``kind`` is ``new``, ``missing`` or ``retyped``; ``was``
    the kind it had, empty for a new one; ``does`` what the configuration makes of it.
    """

    kind: str
    column: SourceColumn
    was: str
    does: OnDrift

    def __str__(self) -> str:
        use = f"read as {', '.join(self.column.fields)}" if self.column.fields else "not read"
        if self.kind == "retyped":
            return f"'{self.column.name}' ({use}) is {self.column.kind} and was {self.was}"
        return f"{self.kind} '{self.column.name}' ({self.column.kind}, {use})"


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
        kinds = {was.name: was.kind for was in self.before.columns} if self.before else {}
        return columns_as_json(
            [
                replace(column, kind=kinds.get(column.name, EMPTY))
                if column.kind == EMPTY
                else column
                for column in self.payload.columns
            ]
        )

    def alike(self, kind: str, does: OnDrift) -> list[ColumnChange]:
        """The changes of one sort."""
        return [change for change in self.changes if (change.kind, change.does) == (kind, does)]

    @property
    def reason(self) -> str:
        """Why its assets are held back, and what to do; empty where they are not."""
        blocking = [change for change in self.changes if change.does == "block"]
        if not blocking:
            return ""
        accepted = ", ".join(f"{kind}: warn" for kind in sorted({c.kind for c in blocking}))
        return (
            f"schema drift in {self.payload.locator}: {listed(blocking, _SHOWN_COLUMNS)}; "
            f"expected {self.expected}; fix the payload, or accept it: run once with "
            f"schema_drift: {{{accepted}}} in expectations/bronze.yaml"
        )

    @property
    def expected(self) -> str:
        """The columns it should have had."""
        if self.before is None:
            return ""
        names = [f"{column.name} ({column.kind})" for column in self.before.columns]
        place = f"the columns of {self.before.locator} in run {self.before.run_id}"
        return f"{place}: {listed(names, _SHOWN_COLUMNS)}"


def compared_payloads(
    payloads: Sequence[LoggedPayload],
    earlier: Sequence[GoodFetch | None],
    chosen: Mapping[str, Asset],
    config: SchemaDrift,
    as_of: datetime,
) -> list[ComparedPayload]:
    """Every payload beside its ``earlier`` fetch. One without it is compared with nothing, and so
    is one without an asset that is ``chosen`` and not paused.
    """
    active = {symbol: asset for symbol, asset in chosen.items() if not asset.is_paused(as_of)}
    compared = []
    for payload, before in zip(payloads, earlier, strict=True):
        assets = tuple(symbol for symbol in payload.symbols if symbol in active)
        changes: tuple[ColumnChange, ...] = ()
        if before is not None and assets:
            needed = {*ALWAYS_NEEDED}.union(*(active[symbol].columns for symbol in assets))
            changes = column_changes(before.columns, payload.columns, needed, config)
        compared.append(ComparedPayload(payload, before, assets, changes))
    return compared


def column_changes(
    before: Iterable[SourceColumn],
    now: Iterable[SourceColumn],
    needed: Iterable[str],
    config: SchemaDrift,
) -> tuple[ColumnChange, ...]:
    """What is not as it was, ``needed`` being the fields that the payload's assets declare.

    Of a column without any value nothing is known, so it is of no other kind than before.
    """
    were, are = ({column.name: column for column in columns} for columns in (before, now))
    worth_blocking = set(needed)

    def does(configured: OnDrift, *columns: SourceColumn) -> OnDrift:
        is_needed = any(worth_blocking.intersection(column.fields) for column in columns)
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
            is_as_it_should_be = {*map(_KIND_OF_FIELD.get, column.fields)} == {column.kind}
            action = does(config.retyped, *(() if is_as_it_should_be else (column, was)))
            changes.append(ColumnChange("retyped", column, was.kind, action))
    return tuple(changes)


def changes_shown(compared: Sequence[ComparedPayload]) -> pd.DataFrame:
    """What has changed, a row per payload and column."""
    rows = [
        (pair.payload.locator, change.kind, change.column.name, change.was, change.does)
        for pair in compared
        for change in pair.changes
    ]
    return pd.DataFrame(rows, columns=["payload", "change", "column", "was", "does"])


def held_by_drift(compared: Sequence[ComparedPayload]) -> dict[str, str]:
    """The assets that a drift holds back, and why."""
    reasons: dict[str, list[str]] = {}
    for pair in compared:
        for symbol in pair.assets if pair.reason else ():
            reasons.setdefault(symbol, []).append(pair.reason)
    return {symbol: "; ".join(texts) for symbol, texts in reasons.items()}


def drift_checks(compared: Sequence[ComparedPayload]) -> list[Check]:
    """A check per asset, payload and sort of change; allowed ones pass. Without any change there is
    one check, of all that could be compared.
    """
    checks = [
        Check(
            name=f"schema drift: {kind} columns",
            passed=does == "allow",
            table=BRONZE_FETCHES,
            blocks=does == "block",
            symbol=symbol,
            observed=f"{pair.payload.locator}: {listed(pair.alike(kind, does), _SHOWN_COLUMNS)}",
            expected=pair.expected,
        )
        for pair in compared
        for kind, does in dict.fromkeys((change.kind, change.does) for change in pair.changes)
        for symbol in pair.assets
    ]
    known = sum(pair.before is not None for pair in compared)
    if checks or not known:
        return checks
    observed = f"{known} of {counted(len(compared), 'payload')} compared, no column changed"
    return [Check(name="schema drift", passed=True, table=BRONZE_FETCHES, observed=observed)]
