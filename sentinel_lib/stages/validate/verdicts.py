"""Each asset's verdict: what ingest said of it, its rows, and its bars as a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import pandas as pd
from ibis.expr.types import Table

from sentinel_lib.cleaning.asset_counts import AssetCounts
from sentinel_lib.cleaning.remedies import remedies
from sentinel_lib.cleaning.verdicts import Verdict, held_rows, verdict
from sentinel_lib.errors import StageError, listed
from sentinel_lib.records.roles import INGEST
from sentinel_lib.records.stage import HELD_BACK, NO_ASSET, Check, StageRecord
from sentinel_lib.rules.rule import RowRule
from sentinel_lib.rules.suites import Suite
from sentinel_lib.settings.assets import Asset

_SHOWN = ["promoted", "quarantined", "deduplicated", "sessions_seen", "sessions_spanned"]


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
        verdicts[symbol] = verdict(
            symbol,
            counts.get(symbol, AssetCounts()),
            suite,
            due_sessions=due[symbol],
            gaps_block=asset.gaps == "block",
            series=series.get(symbol, ()),
        )
        if before and before.status == "blocked" and before.rows_in:
            blocked = Verdict("blocked", before.reason, verdicts[symbol].checks)
            verdicts[symbol] = blocked
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
    held = [symbol for symbol, verdict in verdicts.items() if verdict.is_of_quarantined_rows]
    texts = remedies(resolved, batch, held, rules, as_of) if held else {}
    return {
        symbol: replace(verdict, reason=f"{verdict.reason}; {texts[symbol]}")
        if symbol in texts
        else verdict
        for symbol, verdict in verdicts.items()
    }


def verdict_table(
    verdicts: Mapping[str, Verdict], counts: Mapping[str, AssetCounts]
) -> pd.DataFrame:
    """A row per asset: ``symbol``, ``verdict``, its rows by outcome, its sessions of those that its
    calendar has, and the ``reason``.
    """
    none = AssetCounts()
    rows = [
        {
            "symbol": symbol,
            "verdict": verdict.status,
            **{name: getattr(counts.get(symbol, none), name) for name in _SHOWN},
            "reason": verdict.reason,
        }
        for symbol, verdict in verdicts.items()
    ]
    return pd.DataFrame(rows, columns=["symbol", "verdict", *_SHOWN, "reason"])


def held_back(resolved: Table, verdicts: Mapping[str, Verdict]) -> Table:
    """``resolved`` with what held assets would have promoted quarantined instead."""
    held = [symbol for symbol, verdict in verdicts.items() if verdict.status in HELD_BACK]
    return held_rows(resolved, held)


def _due_sessions(assets: Mapping[str, Asset], ingested: StageRecord | None) -> dict[str, int]:
    """How many sessions each asset should have delivered. Without that nobody could tell
    "expected but absent" from "nothing expected".
    """
    due = ingested.details.get("due_sessions") if ingested else None
    missing = [symbol for symbol in assets if not isinstance(due, dict) or symbol not in due]
    if missing:
        raise StageError(
            f"stage '{INGEST}' recorded no due_sessions of {listed(missing)}",
            observed=f"details['due_sessions']: {due!r:.200}" if ingested else "no record",
            expected="for each asset how many sessions were due",
            next_step="restore the last cell of 10_ingest.ipynb, and run the pipeline again",
        )
    return dict(due or {})
