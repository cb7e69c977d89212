"""How many rows of an asset a batch holds, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AssetCounts:
    """One asset's rows in a batch.

    ``broken_rules`` counts its good rows that break a rule with ``warn`` or ``block``, ``rounded``
    says which values lost decimals.
    """

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
