"""What the library relies on the stages of these names to do: the one place that names them."""

from __future__ import annotations

INGEST = "ingest"
VALIDATE = "validate"
PROMOTE_SILVER = "promote_silver"
BUILD_GOLD = "build_gold"
MONITOR = "monitor"

ROLES = (INGEST, VALIDATE, PROMOTE_SILVER, BUILD_GOLD, MONITOR)
"""In the order in which they must run."""

PUBLISHING = (PROMOTE_SILVER, BUILD_GOLD)
"""The stages after which readers see other tables than before."""

ROLE_OF: dict[str, str] = {
    "bronze.fetches": INGEST,
    "bronze.bars": INGEST,
    "silver.candidate": VALIDATE,
    "silver.bars": PROMOTE_SILVER,
    "gold.daily": BUILD_GOLD,
    "gold.aggregates": BUILD_GOLD,
    "aggregates.csv": BUILD_GOLD,
    "freshness.json": MONITOR,
}
"""The stage that alone may write a table or an artifact."""
