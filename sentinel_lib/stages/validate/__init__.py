"""The library of `20_validate`: every row judged, every asset given a verdict."""

from sentinel_lib.cleaning.batch_counts import asset_counts
from sentinel_lib.cleaning.row_keys import resolved_rows
from sentinel_lib.cleaning.row_rules import judged_rows
from sentinel_lib.cleaning.typed_bars import REPEATED_TEXT, typed_bars
from sentinel_lib.stages.sessions import session_table
from sentinel_lib.stages.unlisted import listed_rows
from sentinel_lib.stages.validate.batch import (
    date_formats,
    payload_labels,
    published_bars,
    read_batch,
    rows_by_asset,
)
from sentinel_lib.stages.validate.candidate import (
    accounted,
    audit_candidate,
    certify,
    write_candidate,
)
from sentinel_lib.stages.validate.quarantine import write_quarantine
from sentinel_lib.stages.validate.series_checks import series_checks
from sentinel_lib.stages.validate.verdicts import (
    asset_verdicts,
    held_back,
    verdict_table,
    with_remedies,
)

__all__ = [
    "REPEATED_TEXT",
    "accounted",
    "asset_counts",
    "asset_verdicts",
    "audit_candidate",
    "certify",
    "date_formats",
    "held_back",
    "judged_rows",
    "listed_rows",
    "payload_labels",
    "published_bars",
    "read_batch",
    "resolved_rows",
    "rows_by_asset",
    "series_checks",
    "session_table",
    "typed_bars",
    "verdict_table",
    "with_remedies",
    "write_candidate",
    "write_quarantine",
]
