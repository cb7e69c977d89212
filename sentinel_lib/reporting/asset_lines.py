"""One line for each asset of a run, as its report and its notification show it."""

from dataclasses import dataclass

from sentinel_lib.records.details import MonitorDetails
from sentinel_lib.records.roles import PROMOTE_SILVER, VALIDATE
from sentinel_lib.records.stage import HELD_BACK, RunRecord

ROW_COUNTS = ("rows_in", "promoted", "quarantined", "deduplicated")

_LATE = ("stale", "late", "unknown")


@dataclass(frozen=True, slots=True)
class AssetLine:
    """An asset's rows through the run; a text that is not known is empty.

    ``left`` were on their way when the run stopped; ``unexplained`` is what nothing accounts for.
    """

    symbol: str
    status: str
    freshness: str
    reason: str
    freshness_reason: str
    rows_in: int
    promoted: int
    quarantined: int
    deduplicated: int
    left: int
    unexplained: int

    @property
    def is_held_back(self) -> bool:
        """Whether a gate or a source kept the asset from being promoted."""
        return self.status in HELD_BACK

    @property
    def is_late(self) -> bool:
        """Whether the asset is not known to be as fresh as it should be."""
        return (self.freshness or "unknown") in _LATE


def asset_lines(run: RunRecord) -> list[AssetLine]:
    """The assets whose rows are not accounted for first, then those held back, each by symbol."""
    records = [stage.record for stage in run.stages if stage.record]
    ledgers = [item for record in records for item in record.assets.items()]
    reasons = {symbol: ledger.reason for symbol, ledger in ledgers if ledger.reason}
    ages = _freshness_reasons(run)
    is_cut_short = any(
        stage.name in (VALIDATE, PROMOTE_SILVER) and stage.record is None for stage in run.stages
    )
    judged = {record.stage: record.assets for record in records}.get(VALIDATE, {})
    lines = []
    for symbol, asset in run.assets.items():
        counts = {name: getattr(asset, name) for name in ROW_COUNTS}
        unexplained = missing = 2 * counts["rows_in"] - sum(counts.values())
        if is_cut_short:
            unexplained = judged[symbol].unexplained if symbol in judged else 0
            if asset.status == "not_evaluated":
                reasons.setdefault(symbol, "the run ended before it was judged")
        lines.append(
            AssetLine(
                symbol=symbol,
                status=asset.status,
                freshness=asset.freshness,
                reason=asset.reason or reasons.get(symbol, ""),
                freshness_reason=ages.get(symbol, ""),
                left=missing - unexplained,
                unexplained=unexplained,
                **counts,
            )
        )
    return sorted(
        lines, key=lambda line: (not line.unexplained, not line.is_held_back, line.symbol)
    )


def _freshness_reasons(run: RunRecord) -> dict[str, str]:
    """By symbol why an asset is as old as it is, as the stage that judges freshness says."""
    details = (stage.record.handed_on(MonitorDetails) for stage in run.stages if stage.record)
    return {
        symbol: age.reason
        for monitor in filter(None, details)
        for symbol, age in monitor.freshness.items()
    }
