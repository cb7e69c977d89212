"""What a resolved batch holds of each asset: one grouped computation for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import ibis
from ibis.expr.types import StringValue, Table

from sentinel_lib.cleaning.row_rules import row_passes
from sentinel_lib.cleaning.rule_names import (
    DEDUPLICATED,
    OUTSIDE_THE_LIMIT,
    PROMOTED,
    QUARANTINED,
)
from sentinel_lib.cleaning.session_counts import seen_spans
from sentinel_lib.errors import counted
from sentinel_lib.records.bar import VALUE_COLUMNS
from sentinel_lib.rules.suites import Suite


@dataclass(frozen=True, slots=True)
class AssetCounts:
    """One asset's rows in a batch.

    ``broken_rules`` counts its good rows that break each of the suite's ``strict_rules``,
    ``rounded`` says which values lost decimals.
    """

    rows_in: int = 0
    promoted: int = 0
    quarantined: int = 0
    deduplicated: int = 0
    outside_the_limit: int = 0
    sessions_seen: int = 0
    sessions_spanned: int = 0
    broken_rules: tuple[int, ...] = ()
    rounded: str = ""

    @property
    def surviving(self) -> int:
        """Rows that are good, whether Silver has them already or not."""
        return self.promoted + self.deduplicated

    @property
    def judged(self) -> int:
        """Rows that say something about the data's quality."""
        return self.rows_in - self.outside_the_limit


def rows_by(column: StringValue) -> dict[str, int]:
    """How many rows have each value of ``column``."""
    values, counts = column.value_counts().to_pyarrow().columns
    return dict(zip(values.to_pylist(), counts.to_pylist(), strict=True))


def asset_counts(
    resolved: Table,
    by_session: Table,
    sessions: Table,
    suite: Suite,
    unchanged: Mapping[str, int],
) -> dict[str, AssetCounts]:
    """The counts of every asset in a batch, in the order of their symbols: of its resolved rows,
    and of ``unchanged`` ones, which are deduplicated. ``by_session`` are its ``session_counts``.
    """
    broken = [f"broken_{place}" for place, _ in enumerate(suite.strict_rules)]
    good = resolved.outcome != QUARANTINED
    grouped = resolved.group_by("asset").agg(
        rows_in=resolved.count(),
        **{
            name: (resolved.outcome == name).sum() for name in (PROMOTED, QUARANTINED, DEDUPLICATED)
        },
        outside_the_limit=resolved.rule.isin(OUTSIDE_THE_LIMIT).fill_null(False).sum(),
        **{
            name: (good & ~row_passes(resolved, rule)).sum()
            for name, rule in zip(broken, suite.strict_rules, strict=True)
        },
        rounded_rows=(good & resolved.rounded.notnull()).sum(),
        rounded_example=good.ifelse(resolved.rounded, ibis.null("string")).min(),
        **{
            f"rounded_{name}": (good & resolved.rounded.contains(f" {name}=")).sum()
            for name in VALUE_COLUMNS
        },
    )
    joined = grouped.left_join(_sessions_spanned(by_session, sessions), "asset").drop("asset_right")
    counts = {}
    for row in joined.to_pyarrow().to_pylist():
        asset, broken_rules = row.pop("asset"), tuple(row.pop(name) for name in broken)
        columns = [name for name in VALUE_COLUMNS if row.pop(f"rounded_{name}")]
        rows, example = counted(row.pop("rounded_rows"), "row"), row.pop("rounded_example")
        rounded = f"{rows}, in {', '.join(columns)}; one of them:{example}" if columns else ""
        numbers = {name: int(value or 0) for name, value in row.items()}
        counts[asset] = AssetCounts(**numbers, broken_rules=broken_rules, rounded=rounded)
    for symbol, count in unchanged.items():
        known = counts.get(symbol, AssetCounts())
        counts[symbol] = replace(
            known, rows_in=known.rows_in + count, deduplicated=known.deduplicated + count
        )
    return dict(sorted(counts.items()))


def _sessions_spanned(by_session: Table, sessions: Table) -> Table:
    """Per asset: the sessions seen in the batch, and those its calendar has from first to last."""
    per_asset = seen_spans(by_session)
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
