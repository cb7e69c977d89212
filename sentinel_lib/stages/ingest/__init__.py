"""The library of ``10_ingest``: what the sources gave, kept as it came."""

from sentinel_lib.ingestion.batch import parse
from sentinel_lib.ingestion.schedule import due_windows
from sentinel_lib.stages.ingest.batch import audit_bronze, known_readings, rejected_payloads, store
from sentinel_lib.stages.ingest.choice import choose_assets, require_continuity
from sentinel_lib.stages.ingest.earlier_fetches import last_good_fetches
from sentinel_lib.stages.ingest.ledgers import (
    bronze_ledgers,
    count_rows,
    deliveries,
    due_by_asset,
    windows_shown,
)
from sentinel_lib.stages.ingest.payloads import fetch
from sentinel_lib.stages.ingest.readings import readings
from sentinel_lib.stages.ingest.schema_drift import (
    changes_shown,
    compared_payloads,
    drift_checks,
    held_by_drift,
)
from sentinel_lib.stages.ingest.unchanged import left_alone, unchanged_payloads
from sentinel_lib.stages.sessions import calendar_checks
from sentinel_lib.stages.silver import last_bars
