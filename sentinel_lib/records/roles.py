"""The stages, and the tables and files that they write, by name: the one place that names them."""

INGEST = "ingest"
VALIDATE = "validate"
PROMOTE_SILVER = "promote_silver"
BUILD_GOLD = "build_gold"
MONITOR = "monitor"

ROLES = (INGEST, VALIDATE, PROMOTE_SILVER, BUILD_GOLD, MONITOR)
"""In the order in which they must run."""

PUBLISHING = (PROMOTE_SILVER, BUILD_GOLD)
"""The stages after which readers see other tables than before."""

BRONZE_FETCHES = "bronze.fetches"
BRONZE_BARS = "bronze.bars"
SILVER_CANDIDATE = "silver.candidate"
QUARANTINE_BARS = "quarantine.bars"
SILVER_BARS = "silver.bars"
GOLD_DAILY = "gold.daily"
GOLD_AGGREGATES = "gold.aggregates"
AGGREGATES_CSV = "aggregates.csv"
FRESHNESS_JSON = "freshness.json"
OPS_STAGE_RUNS = "ops.stage_runs"
OPS_CHECKS = "ops.checks"
OPS_FRESHNESS = "ops.freshness"
OPS_QUARANTINE = "ops.quarantine"

ROLE_OF: dict[str, str] = {
    BRONZE_FETCHES: INGEST,
    BRONZE_BARS: INGEST,
    SILVER_CANDIDATE: VALIDATE,
    SILVER_BARS: PROMOTE_SILVER,
    GOLD_DAILY: BUILD_GOLD,
    GOLD_AGGREGATES: BUILD_GOLD,
    AGGREGATES_CSV: BUILD_GOLD,
    FRESHNESS_JSON: MONITOR,
}
"""The stage that alone may write a table or an artifact."""
