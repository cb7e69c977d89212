"""Each asset's verdict: what ingest said of it, its rows, and its bars as a series."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import ibis
from ibis.expr.types import Table

from sentinel_lib.cleaning.asset_counts import AssetCounts
from sentinel_lib.cleaning.reasons import remedies
from sentinel_lib.cleaning.rule_names import HELD_WITH_ASSET, PROMOTED, QUARANTINED
from sentinel_lib.errors import StageError, counted, listed
from sentinel_lib.records.bar import SCALE, Prices
from sentinel_lib.records.details import IngestDetails
from sentinel_lib.records.roles import INGEST
from sentinel_lib.records.stage import HELD_BACK, NO_ASSET, AssetStatus, Check, StageRecord
from sentinel_lib.rules.kinds import RowRule
from sentinel_lib.rules.suites import Suite, SuiteLimits
from sentinel_lib.settings.assets import Asset

FRACTIONS_APPLY_FROM = 20
OF_QUARANTINED_ROWS = ("min_rows", "max_quarantined_fraction")
"""The checks that hold an asset back because too many of its rows are quarantined."""

_Judged = tuple[bool, str, str] | None
"""Whether a limit is kept, what was observed, what is expected; None where it does not apply."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an asset may be promoted, and if not why not: ``held_by`` names the check."""

    status: AssetStatus
    reason: str = ""
    checks: tuple[Check, ...] = ()
    held_by: str = ""


def asset_verdicts(
    assets: Mapping[str, Asset],
    counts: Mapping[str, AssetCounts],
    series: Mapping[str, Sequence[Check]],
    suite: Suite,
    ingested: StageRecord | None,
) -> dict[str, Verdict]:
    """The verdict on each of ``assets``, and on rows of no asset.

    ``counts`` are those of its rows, ``series`` the checks of its bars. What ``ingested``, the
    record of ingest, says against an asset stands. Raises ``StageError`` if that record does not
    say how many sessions of each asset were due.
    """
    due = _due_sessions(assets, ingested)
    ledgers = ingested.assets if ingested else {}
    verdicts = {}
    for symbol, asset in assets.items():
        before = ledgers.get(symbol)
        if before and before.status != "passed" and symbol not in counts:
            verdicts[symbol] = Verdict(before.status, before.reason)
            continue
        judged = verdict(
            symbol,
            counts.get(symbol, AssetCounts()),
            suite,
            due_sessions=due[symbol],
            gaps_block=asset.gaps == "block",
            prices=asset.prices,
            series=series.get(symbol, ()),
        )
        if before and before.status == "blocked" and before.rows_in:
            judged = Verdict("blocked", before.reason, judged.checks)
        verdicts[symbol] = judged
    lines = [line for line in NO_ASSET if line in ledgers]
    return verdicts | {line: Verdict("unlisted", ledgers[line].reason) for line in lines}


def with_remedies(
    verdicts: Mapping[str, Verdict],
    resolved: Table,
    batch: Table,
    rules: Sequence[RowRule],
    as_of: datetime,
) -> dict[str, Verdict]:
    """``verdicts``; those that hold an asset back for its quarantined rows also say which rule
    quarantined most of them, give one of them, and what would let them pass.
    """
    held = [name for name, verdict in verdicts.items() if verdict.held_by in OF_QUARANTINED_ROWS]
    texts = remedies(resolved, batch, held, rules, as_of) if held else {}
    return {**verdicts} | {
        symbol: replace(verdicts[symbol], reason=f"{verdicts[symbol].reason}; {text}")
        for symbol, text in texts.items()
    }


def held_back(resolved: Table, verdicts: Mapping[str, Verdict]) -> Table:
    """``resolved`` with what held assets would have promoted quarantined instead."""
    held = [symbol for symbol, verdict in verdicts.items() if verdict.status in HELD_BACK]
    is_held = resolved.asset.isin(held or [""]) & (resolved.outcome == PROMOTED)
    return resolved.mutate(
        rule=is_held.ifelse(HELD_WITH_ASSET, resolved.rule),
        outcome=is_held.ifelse(QUARANTINED, resolved.outcome),
        change=is_held.ifelse(ibis.null("string"), resolved.change),
    )


def verdict(
    symbol: str,
    counts: AssetCounts,
    suite: Suite,
    *,
    due_sessions: int,
    gaps_block: bool,
    prices: Prices = "positive",
    series: Sequence[Check] = (),
) -> Verdict:
    """What the gate says of one asset.

    ``due_sessions`` is how many sessions its source should have delivered by now: expected but
    absent is ``not_evaluated``, nothing expected and nothing there is ``not_due``. ``series`` are
    the checks of its bars as a series: they explain what the counts of its rows only show. Rules
    that are not about its ``prices`` say nothing.
    """
    if counts.judged == 0 and all(check.passed or not check.blocks for check in series):
        return _without_rows(symbol, counts, suite, due_sessions)
    limits = _limit_checks(symbol, counts, suite, gaps_block=gaps_block)
    checks = (*series, *limits, *_rule_checks(symbol, counts, suite, prices))
    for check in checks:
        if check.blocks and not check.passed:
            reason = f"{check.name}: observed {check.observed}, expected {check.expected}"
            return Verdict("blocked", reason, checks, held_by=check.name)
    return Verdict("passed", checks=checks)


def _due_sessions(assets: Mapping[str, Asset], ingested: StageRecord | None) -> dict[str, int]:
    """How many sessions each asset should have delivered. Without that nobody could tell
    "expected but absent" from "nothing expected".
    """
    details = ingested.handed_on(IngestDetails) if ingested else None
    due = details.due_sessions if details else {}
    if missing := [symbol for symbol in assets if symbol not in due]:
        raise StageError(
            f"stage '{INGEST}' recorded no due_sessions of {listed(missing)}",
            observed=f"due_sessions of {listed(due) or 'no asset'}" if ingested else "no record",
            expected="for each asset how many sessions were due",
            next_step="restore the last cell of 10_ingest.ipynb, and run the pipeline again",
        )
    return due


def _without_rows(symbol: str, counts: AssetCounts, suite: Suite, due_sessions: int) -> Verdict:
    if due_sessions == 0:
        return Verdict("not_due", "no session is due")
    due = f"{counted(due_sessions, 'session')} due"
    check = Check(
        name="min_rows",
        passed=False,
        table=suite.table,
        symbol=symbol,
        observed=f"{counted(counts.judged, 'row')} to judge, {due}",
        expected=f"at least {suite.limits.min_rows}",
    )
    reason = f"{due}, no final bar delivered: not evaluated"
    return Verdict("not_evaluated", reason, (check,), held_by=check.name)


def _limit_checks(
    symbol: str, counts: AssetCounts, suite: Suite, *, gaps_block: bool
) -> Iterator[Check]:
    check = partial(Check, table=suite.table, symbol=symbol)
    only_warns = {"decimals"} if gaps_block else {"decimals", "max_missing_fraction"}
    for name, judge in LIMITS.items():
        if judged := judge(counts, suite.limits):
            passed, observed, expected = judged
            blocks = name not in only_warns
            yield check(
                name=name, passed=passed, blocks=blocks, observed=observed, expected=expected
            )


def _rule_checks(symbol: str, counts: AssetCounts, suite: Suite, prices: Prices) -> Iterator[Check]:
    for rule, broken in zip(suite.strict_rules, counts.broken_rules, strict=False):
        if rule.is_about(prices):
            yield Check(
                name=rule.name,
                passed=broken == 0,
                table=suite.table,
                symbol=symbol,
                blocks=rule.on_fail == "block",
                observed=f"broken by {counted(broken, 'row')}",
                expected="none",
            )


def _min_rows(counts: AssetCounts, limits: SuiteLimits) -> _Judged:
    observed = f"{counted(counts.surviving, 'good row')} of {counts.judged:,}"
    return counts.surviving >= limits.min_rows, observed, f"at least {limits.min_rows}"


def _quarantined_fraction(counts: AssetCounts, limits: SuiteLimits) -> _Judged:
    bad = counts.quarantined - counts.outside_the_limit
    limit = limits.max_quarantined_fraction
    return _fraction(limit, "quarantined", bad, counts.judged, "row")


def _missing_fraction(counts: AssetCounts, limits: SuiteLimits) -> _Judged:
    spanned = counts.sessions_spanned
    missing = spanned - counts.sessions_seen
    return _fraction(limits.max_missing_fraction, "missing", missing, spanned, "session")


def _fraction(limit: float | None, what: str, part: int, whole: int, noun: str) -> _Judged:
    if limit is None or whole < FRACTIONS_APPLY_FROM:
        return None
    observed = f"{part / whole:.2%} {what} ({part:,} of {counted(whole, noun)})"
    return part / whole <= limit, observed, f"at most {limit:.2%}"


def _decimals(counts: AssetCounts, limits: SuiteLimits) -> _Judged:
    rounded = False, f"rounded {counts.rounded}", f"at most {SCALE} decimals"
    return rounded if counts.rounded else None


LIMITS: dict[str, Callable[[AssetCounts, SuiteLimits], _Judged]] = {
    "min_rows": _min_rows,
    "max_quarantined_fraction": _quarantined_fraction,
    "max_missing_fraction": _missing_fraction,
    "decimals": _decimals,
}
"""What is required of the rows of each asset, by the name of the check, in this order."""
