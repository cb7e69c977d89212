"""Examples of quarantined rows, for the stage record and the report."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from sentinel_lib.cleaning.rule_names import HELD_WITH_ASSET
from sentinel_lib.records.stage import OffendingRow

MAX_ROWS = 200
MAX_ROWS_PER_ASSET = 20

_COLUMNS = ["asset", "rule", "reason", "file", "line"]


def examples(rows: pa.Table, symbols: Iterable[str]) -> list[OffendingRow]:
    """A few of the quarantined ``rows`` of each symbol, in the order of ``symbols``.

    Rows that are there only because their asset is held back come last: they explain nothing.
    """
    is_held = pc.equal(rows["rule"], HELD_WITH_ASSET)
    telling, held = rows.filter(pc.invert(is_held)), rows.filter(is_held)
    rows_shown: list[OffendingRow] = []
    for symbol in symbols:
        of_asset = [part.filter(pc.equal(part["asset"], symbol)) for part in (telling, held)]
        sample = pa.concat_tables(of_asset).select(_COLUMNS).slice(0, MAX_ROWS_PER_ASSET)
        sample = sample.rename_columns({"asset": "symbol"})
        rows_shown += [OffendingRow(**row) for row in sample.to_pylist()]
    return rows_shown[:MAX_ROWS]
