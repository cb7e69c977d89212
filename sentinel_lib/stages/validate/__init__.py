"""The library of `20_validate`: every row judged, every asset given a verdict."""

from sentinel_lib.cleaning.asset_counts import asset_counts, rows_by
from sentinel_lib.cleaning.row_keys import USUAL, resolved_rows
from sentinel_lib.cleaning.row_rules import judged_rows
from sentinel_lib.cleaning.session_counts import session_counts
from sentinel_lib.cleaning.typed_bars import typed_bars
from sentinel_lib.stages.sessions import session_table
from sentinel_lib.stages.unlisted import listed_rows
from sentinel_lib.stages.validate.batch import (
    date_formats,
    payload_labels,
    published_bars,
    read_batch,
    unchanged_rows,
)
from sentinel_lib.stages.validate.candidate import (
    accounted,
    audit_candidate,
    certify,
    write_candidate,
)
from sentinel_lib.stages.validate.quarantine import write_quarantine
from sentinel_lib.stages.validate.series_checks import series_checks
from sentinel_lib.stages.validate.verdicts import asset_verdicts, held_back, with_remedies
