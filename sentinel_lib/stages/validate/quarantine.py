"""Quarantine: the rows of a batch that break a rule, each with its reason."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import ibis
import pyarrow as pa
import pyarrow.dataset as ds
from ibis.expr.types import Table

from sentinel_lib.cleaning.reasons import reasons
from sentinel_lib.cleaning.row_keys import quarantined_rows
from sentinel_lib.cleaning.rule_names import AWAITING_PROMOTION, HELD_WITH_ASSET, PROMOTED
from sentinel_lib.errors import StorageError
from sentinel_lib.logger import log
from sentinel_lib.records.roles import BRONZE_BARS, QUARANTINE_BARS
from sentinel_lib.records.stage import NO_ASSET
from sentinel_lib.rules.kinds import RowRule
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.unlisted import quarantined_unlisted
from sentinel_lib.stages.validate.batch import batch_fetches
from sentinel_lib.stages.validate.verdicts import Verdict
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.payloads import PayloadArchive
from sentinel_lib.storage.tables import is_one_of

_PROVENANCE = ["payload", "layout", "line"]
_EXPLAINED_AT_A_TIME = 10_000


def write_quarantine(
    stage: Stage,
    resolved: Table,
    batch: Table,
    rules: Sequence[RowRule],
    verdicts: Mapping[str, Verdict],
) -> pa.Table:
    """Write the quarantined rows, each with its rule, its reason in words, and its place, and give
    those of this batch: rows of ``quarantine.bars``.

    Their text is that of ``batch``, whose rows of no asset are among them. They replace what was
    quarantined of the same payloads before: the same bad row again adds nothing. Rows that waited
    and now pass stay until their promotion is done.
    """
    rows = quarantined_rows(resolved, batch).order_by(["asset", *_PROVENANCE]).to_pyarrow()
    held = {symbol: verdict.reason for symbol, verdict in verdicts.items()}
    pieces = rows.to_batches(max_chunksize=_EXPLAINED_AT_A_TIME)
    each = (row for piece in pieces for row in piece.to_pylist())
    explained = reasons(each, rules, stage.as_of, held)
    quarantined = _quarantine_rows(stage, rows, explained)
    if any(line in verdicts for line in NO_ASSET):
        unlisted = quarantined_unlisted(batch, stage.run_id, stage.as_of)
        quarantined = pa.concat_tables([quarantined, unlisted])
    judged = resolved.select("payload").distinct().to_pyarrow()["payload"]
    payloads = {*judged.to_pylist(), *batch_fetches(stage)["payload"].to_pylist()}
    is_judged = is_one_of("payload", payloads)
    before = stage.published.read_or_empty(QUARANTINE_BARS, where=is_judged)
    before = before.cast(schema_of(QUARANTINE_BARS))
    waited = _still_waiting(stage, resolved, before)
    content = pa.concat_tables([_kept(stage, resolved, before), quarantined, waited])
    if payloads:
        stage.lake.overwrite(QUARANTINE_BARS, content, stage.commit, only=is_judged)
        # Bars that were provisional in older payloads: the source has been asked again.
        assets = resolved.select("asset").distinct().to_pyarrow()["asset"].to_pylist()
        outdated = ds.field("is_provisional") & is_one_of("asset", assets) & ~is_judged
        stage.lake.delete(QUARANTINE_BARS, outdated, stage.commit)
    return quarantined


def _quarantine_rows(stage: Stage, rows: pa.Table, explained: list[str]) -> pa.Table:
    schema = schema_of(QUARANTINE_BARS)
    added = {
        "reason": pa.array(explained, pa.string()),
        "text": _original_texts(stage, rows),
        "judged_as_of": pa.array([stage.as_of] * len(rows), pa.timestamp("us", "UTC")),
        "run_id": pa.array([stage.run_id] * len(rows), pa.string()),
    }
    columns = {name: added[name] if name in added else rows[name] for name in schema.names}
    return pa.table(columns).cast(schema)


def _original_texts(stage: Stage, rows: pa.Table) -> pa.Array:
    """Each row as it stands in its payload, where that is lines of text.

    Good rows that are held back with their asset are not looked up: there can be millions.
    """
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    columns = (rows[name].to_pylist() for name in ("payload", "line", "rule"))
    for at, (payload, line, rule) in enumerate(zip(*columns, strict=True)):
        if rule != HELD_WITH_ASSET:
            places[payload].append((at, line))
    texts: list[str | None] = [None] * len(rows)
    for payload, wanted in places.items():
        lines = _lines_of(stage, payload)
        for at, line in wanted:
            if line <= len(lines):
                texts[at] = lines[line - 1].decode(errors="replace")
    return pa.array(texts, pa.string())


def _lines_of(stage: Stage, payload: str) -> list[bytes]:
    archives = [PayloadArchive(lake.root) for lake in (stage.published, stage.input(BRONZE_BARS))]
    archive = next((held for held in archives if held.holds(payload)), archives[0])
    try:
        return archive.lines(payload)
    except StorageError as lost:  # it is only shown
        log().warning("rows are quarantined without their text", reason=str(lost))
        return []


def _still_waiting(stage: Stage, resolved: Table, before: pa.Table) -> pa.Table:
    """Rows quarantined before that this batch found good: they stay until their promotion is done.

    A row is known by its payload, line and symbol; or, as it may be read in another way than it was
    then, by the first two, where its line has none of that symbol now.
    """
    if not len(before):  # else the rows of a whole batch would be compared with none
        return before
    row = ["payload", "line"]
    same = resolved.filter(resolved.payload.isin(before["payload"].unique().to_pylist()))
    now = same.select(*row, "asset", symbol="asset", is_good=same.outcome == PROMOTED)
    good = now.filter(now.is_good).distinct()
    waited = stage.engine.load(before).drop("asset")
    alike = waited.join(good.drop("is_good"), [*row, "symbol"])
    other = waited.anti_join(now, [*row, "symbol"]).join(good.drop("is_good", "symbol"), row)
    waiting = alike.select(schema_of(QUARANTINE_BARS).names).union(
        other.select(schema_of(QUARANTINE_BARS).names)
    )
    return _quarantine_typed(waiting.mutate(rule=ibis.literal(AWAITING_PROMOTION)))


def _kept(stage: Stage, resolved: Table, before: pa.Table) -> pa.Table:
    """What stays quarantined of the batch's payloads: rows of assets that this run is not about,
    and of payloads of which only the waiting rows were judged.
    """
    fetched = batch_fetches(stage)["payload"].to_pylist()
    others = stage.assets.keys() - set(stage.selected)
    is_to_come = is_one_of("asset", NO_ASSET) & is_one_of("symbol", others)
    of_others = ~is_one_of("asset", [*stage.selected, *NO_ASSET]) | is_to_come
    of_older = ~is_one_of("payload", fetched)
    rest = before.filter(of_others | of_older)
    if not len(rest):
        return rest
    row = [*_PROVENANCE, "symbol"]
    kept = stage.engine.load(rest).anti_join(resolved.select(row), row)
    return _quarantine_typed(kept)


def _quarantine_typed(rows: Table) -> pa.Table:
    schema = schema_of(QUARANTINE_BARS)
    return rows.select(schema.names).to_pyarrow().cast(schema)
