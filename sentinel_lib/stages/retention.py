"""What ``retention`` of ``pipeline.yaml`` no longer keeps goes; small files are put together."""

from collections.abc import Sequence

import pandas as pd
import pyarrow.dataset as ds

from sentinel_lib import clock
from sentinel_lib.cleaning.rule_names import WAITING
from sentinel_lib.records.roles import QUARANTINE_BARS
from sentinel_lib.records.stage import StageRecord
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.catalog import CATALOG
from sentinel_lib.storage.tables import is_one_of
from sentinel_lib.storage.upkeep import compact, retire


def tidy(stage: Stage, records: Sequence[StageRecord]) -> pd.DataFrame:
    """Put the tables of a run in order, and show what that changed, a row per table.

    Quarantined rows that nothing waits for go ``quarantine`` after they were judged; files that
    only versions older than ``versions`` need go too. By hand nothing is done, nor where an
    earlier stage has no good record: what resumes the run goes by the versions that it found.
    """
    pipeline = load_pipeline(stage.config)
    names = [spec.name for spec in pipeline.stages]
    good = {record.stage for record in records if record.status in ("ok", "degraded")}
    tidied = []
    if not stage.is_by_hand and good.issuperset(names[: names.index(stage.name)]):
        kept = pipeline.retention
        rows = _retire_quarantined(stage, kept.quarantine)
        for name in filter(stage.lake.exists, CATALOG):
            together = compact(stage.lake, name)
            since = kept.versions and stage.as_of - clock.duration(kept.versions)
            removed = retire(stage.lake, name, since) if since else 0
            tidied.append((name, together, removed, rows if name == QUARANTINE_BARS else 0))
    columns = ["table", "files_together", "files_removed", "rows_retired"]
    shown = pd.DataFrame(tidied, columns=columns)
    return shown[(shown[columns[1:]] > 0).any(axis=1)].reset_index(drop=True)


def _retire_quarantined(stage: Stage, keep: str | None) -> int:
    """Remove rows that were judged longer ago, but for those that a later run decides; how many."""
    if keep is None or not stage.lake.exists(QUARANTINE_BARS):
        return 0
    before = stage.as_of - clock.duration(keep)
    is_old = (ds.field("judged_as_of") < before) & ~is_one_of("rule", WAITING)
    judged = stage.lake.read(QUARANTINE_BARS, columns=["judged_as_of"], where=is_old)
    stage.lake.delete(QUARANTINE_BARS, is_old, stage.commit)
    return len(judged)
