"""What a gate says of each asset: one grouped computation for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import ibis
from ibis.expr.types import BooleanValue, Table

from sentinel_lib.cleaning.row_rules import row_passes
from sentinel_lib.cleaning.rule_names import (
    DEDUPLICATED,
    HELD_WITH_ASSET,
    NOT_A_SESSION,
    OUTSIDE_THE_LIMIT,
    PROMOTED,
    QUARANTINED,
)
from sentinel_lib.records.bar import SCALE, VALUE_COLUMNS
from sentinel_lib.records.stage import AssetStatus, Check
from sentinel_lib.rules.suites import Suite

FRACTIONS_APPLY_FROM = 20


@dataclass(frozen=True, slots=True)
class AssetCounts:
    """One asset's rows in a batch, and what was expected of it."""

    rows_in: int = 0
    promoted: int = 0
    quarantined: int = 0
    deduplicated: int = 0
    outside_the_limit: int = 0
    sessions_seen: int = 0
    sessions_spanned: int = 0
    broken_rules: Mapping[str, int] = field(default_factory=dict)
    rounded: str = ""

    @property
    def surviving(self) -> int:
        """Rows that are good, whether Silver has them already or not."""
        return self.promoted + self.deduplicated

    @property
    def judged(self) -> int:
        """Rows that say something about the data's quality."""
        return self.rows_in - self.outside_the_limit


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an asset may be promoted, and if not why not."""

    status: AssetStatus
    reason: str = ""
    checks: tuple[Check, ...] = ()

    @property
    def is_of_refused_rows(self) -> bool:
        """Whether it holds the asset back because too many of its rows were refused."""
        failed = [check.name for check in self.checks if check.blocks and not check.passed]
        return failed[:1] in (["min_rows"], ["max_quarantined_fraction"])


def counted(resolved: Table, sessions: Table, suite: Suite) -> dict[str, AssetCounts]:
    """The counts of every asset in a resolved batch."""
    strict = [rule for rule in suite.row_rules if rule.on_fail != "quarantine"]
    good = resolved.outcome != QUARANTINED
    spans = _spans(resolved, sessions)
    grouped = resolved.group_by("asset").agg(
        rows_in=resolved.count(),
        **{
            name: (resolved.outcome == name).sum() for name in (PROMOTED, QUARANTINED, DEDUPLICATED)
        },
        outside_the_limit=resolved.rule.isin(OUTSIDE_THE_LIMIT).fill_null(False).sum(),
        **{
            f"broken_{index}": (good & ~row_passes(resolved, rule)).sum()
            for index, rule in enumerate(strict)
        },
        rounded_rows=(good & resolved.rounded.notnull()).sum(),
        rounded_example=good.ifelse(resolved.rounded, ibis.null("string")).min(),
        **{f"rounded_{name}": _is_rounded(resolved, name).sum() for name in VALUE_COLUMNS},
    )
    joined = grouped.left_join(spans, "asset").drop("asset_right")
    found = {}
    for row in joined.to_pyarrow().to_pylist():
        broken = {rule.name: row.pop(f"broken_{index}") for index, rule in enumerate(strict)}
        asset = row.pop("asset")
        columns = [name for name in VALUE_COLUMNS if row.pop(f"rounded_{name}")]
        rows, example = row.pop("rounded_rows"), row.pop("rounded_example")
        rounded = f"{rows} rows, in {', '.join(columns)}; one of them:{example}" if rows else ""
        numbers = {name: int(value or 0) for name, value in row.items()}
        found[asset] = AssetCounts(**numbers, broken_rules=broken, rounded=rounded)
    return dict(sorted(found.items()))


def verdict(
    symbol: str,
    counts: AssetCounts,
    suite: Suite,
    *,
    due_sessions: int,
    gaps_block: bool,
    series: Sequence[Check] = (),
) -> Verdict:
    """What the gate says of one asset.

    ``due_sessions`` is how many sessions its source should have delivered by now: expected but
    absent is ``not_evaluated``, nothing expected and nothing there is ``not_due``. ``series`` are
    the checks of its bars as a series: they explain what the counts of its rows only show.
    """
    if counts.judged == 0 and all(check.passed or not check.blocks for check in series):
        return _without_rows(symbol, counts, suite, due_sessions)
    checks = (*series, *_checks(symbol, counts, suite, gaps_block=gaps_block))
    blocking = [check for check in checks if check.blocks and not check.passed]
    if not blocking:
        return Verdict("passed", checks=checks)
    first = blocking[0]
    return Verdict(
        "blocked", f"{first.name}: observed {first.observed}, expected {first.expected}", checks
    )


def held_rows(resolved: Table, held: list[str]) -> Table:
    """``resolved`` with the promotable rows of held assets quarantined as ``held_back``."""
    is_held = resolved.asset.isin(held or [""]) & (resolved.outcome == PROMOTED)
    return resolved.mutate(
        rule=is_held.ifelse(HELD_WITH_ASSET, resolved.rule),
        outcome=is_held.ifelse(QUARANTINED, resolved.outcome),
        change=is_held.ifelse(ibis.null("string"), resolved.change),
    )


def _without_rows(symbol: str, counts: AssetCounts, suite: Suite, due_sessions: int) -> Verdict:
    if due_sessions == 0:
        return Verdict("not_due", "no session is due")
    reason = f"{due_sessions} session(s) due, no final bar delivered: not evaluated"
    check = Check(
        name="min_rows",
        passed=False,
        table=suite.table,
        symbol=symbol,
        observed=f"{counts.judged} rows to judge, {due_sessions} sessions due",
        expected=f"at least {suite.limits.min_rows}",
    )
    return Verdict("not_evaluated", reason, (check,))


def _checks(symbol: str, counts: AssetCounts, suite: Suite, *, gaps_block: bool) -> Iterator[Check]:
    limits = suite.limits
    check = partial(Check, table=suite.table, symbol=symbol)
    yield check(
        name="min_rows",
        passed=counts.surviving >= limits.min_rows,
        observed=f"{counts.surviving} good rows of {counts.judged}",
        expected=f"at least {limits.min_rows}",
    )
    if limits.max_quarantined_fraction is not None and counts.judged >= FRACTIONS_APPLY_FROM:
        bad = counts.quarantined - counts.outside_the_limit
        yield check(
            name="max_quarantined_fraction",
            passed=bad / counts.judged <= limits.max_quarantined_fraction,
            observed=f"{bad / counts.judged:.2%} quarantined ({bad} of {counts.judged} rows)",
            expected=f"at most {limits.max_quarantined_fraction:.2%}",
        )
    spanned = counts.sessions_spanned
    if limits.max_missing_fraction is not None and spanned >= FRACTIONS_APPLY_FROM:
        missing = spanned - counts.sessions_seen
        yield check(
            name="max_missing_fraction",
            passed=missing / spanned <= limits.max_missing_fraction,
            blocks=gaps_block,
            observed=f"{missing / spanned:.2%} missing ({missing} of {spanned} sessions)",
            expected=f"at most {limits.max_missing_fraction:.2%}",
        )
    if counts.rounded:
        yield check(
            name="decimals",
            passed=False,
            blocks=False,
            observed=f"rounded {counts.rounded}",
            expected=f"at most {SCALE} decimals",
        )
    for rule in suite.row_rules:
        if rule.name in counts.broken_rules:
            yield check(
                name=rule.name,
                passed=counts.broken_rules[rule.name] == 0,
                blocks=rule.on_fail == "block",
                observed=f"{counts.broken_rules[rule.name]} rows break it",
                expected="none",
            )


def _is_rounded(resolved: Table, name: str) -> BooleanValue:
    """Whether a good row's value lost decimals; ``rounded`` names each such value."""
    is_good = resolved.outcome != QUARANTINED
    return is_good & resolved.rounded.contains(f" {name}=").fill_null(False)


def _spans(resolved: Table, sessions: Table) -> Table:
    """Per asset: the sessions seen in the batch, and those its calendar has from first to last."""
    seen = resolved.filter(
        resolved.session.notnull(),
        resolved.rule.isnull() | resolved.rule.notin((*OUTSIDE_THE_LIMIT, NOT_A_SESSION)),
    )
    per_asset = seen.group_by(["asset", "calendar"]).agg(
        sessions_seen=seen.session.nunique(), first=seen.session.min(), last=seen.session.max()
    )
    dates = sessions.select("session_date", of_calendar="calendar")
    inside = per_asset.join(
        dates,
        [
            per_asset.calendar == dates.of_calendar,
            per_asset["first"] <= dates.session_date,
            per_asset["last"] >= dates.session_date,
        ],
    )
    return inside.group_by("asset").agg(
        sessions_seen=inside.sessions_seen.max(), sessions_spanned=inside.count()
    )
