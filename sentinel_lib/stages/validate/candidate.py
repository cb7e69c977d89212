"""The candidate for Silver: written, audited, certified, and only then published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from ibis.expr.types import Table

from sentinel_lib.cleaning.refusals import refusals
from sentinel_lib.cleaning.row_keys import KEY
from sentinel_lib.cleaning.row_rules import applicable
from sentinel_lib.cleaning.rule_names import CORRECTION, DEDUPLICATED, INSERT, PROMOTED
from sentinel_lib.cleaning.typed_bars import OPTIONAL_COLUMNS
from sentinel_lib.cleaning.verdicts import AssetCounts, Verdict, counted, held_rows, verdict
from sentinel_lib.errors import GateBlocked, StageError
from sentinel_lib.logger import log
from sentinel_lib.records.certificate import Certificate
from sentinel_lib.records.roles import (
    BRONZE_FETCHES,
    INGEST,
    SILVER_BARS,
    SILVER_CANDIDATE,
    VALIDATE,
)
from sentinel_lib.records.stage import HELD_BACK, NO_ASSET, AssetLedger, Check, StageRecord
from sentinel_lib.rules.rule import RowRule
from sentinel_lib.stages.promote_silver import (
    code_of_gate,
    is_published,
    terms_digest,
)
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.validate.series import series_checks
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.digest import content_digest, ordered_digest
from sentinel_lib.storage.engine import engine_name
from sentinel_lib.storage.frames import frame_of
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.tables import Commit
from sentinel_lib.validation import audit, suite_digest


def asset_verdicts(
    stage: Stage, resolved: Table, sessions: Table, batch: Table
) -> dict[str, Verdict]:
    """What the gate says of each chosen asset, and of rows of no asset. What the first stage found
    stays found. Of an asset held for its refused rows it says which rule refused most of those in
    ``batch``, and what would read them.
    """
    counts = counted(resolved, sessions, stage.suite)
    series = series_checks(stage, resolved, sessions)
    delivered = stage.said_by(INGEST)
    due = _due_sessions(stage, delivered)
    found = {}
    for symbol, asset in stage.chosen.items():
        before = delivered.assets.get(symbol) if delivered else None
        if before is not None and before.status != "passed" and symbol not in counts:
            found[symbol] = Verdict(before.status, before.reason)
            continue
        found[symbol] = verdict(
            symbol,
            counts.get(symbol, AssetCounts()),
            stage.suite,
            due_sessions=due[symbol],
            gaps_block=asset.gaps == "block",
            series=series.get(symbol, ()),
        )
        if before is not None and _is_blocked(delivered, symbol):
            found[symbol] = replace(found[symbol], status="blocked", reason=before.reason)
    held = [
        symbol
        for symbol, one in found.items()
        if one.is_of_refused_rows and not _is_blocked(delivered, symbol)
    ]
    if held:
        words = refusals(resolved, batch, held, stage.suite.row_rules, stage.as_of)
        for symbol, why in words.items():
            found[symbol] = replace(found[symbol], reason=f"{found[symbol].reason}; {why}")
    ledgers = delivered.assets if delivered else {}
    unlisted = {line: ledgers[line].reason for line in NO_ASSET if line in ledgers}
    return found | {line: Verdict("unlisted", reason) for line, reason in unlisted.items()}


def held_back(resolved: Table, verdicts: Mapping[str, Verdict]) -> Table:
    """``resolved`` with what held assets would have promoted quarantined instead."""
    return held_rows(
        resolved, [symbol for symbol, one in verdicts.items() if one.status in HELD_BACK]
    )


def write_candidate(stage: Stage, resolved: Table) -> Table:
    """Write the rows that would be promoted, in the order of their key, and give what was written.

    They go piece by piece, so that never all of them are held.
    """
    promoted = resolved.filter(resolved.outcome == PROMOTED).select(
        schema_of(SILVER_CANDIDATE).names
    )
    rows = stage.engine.batches(promoted.order_by(list(KEY)))
    stage.lake.overwrite(SILVER_CANDIDATE, rows, stage.commit)
    stage.lake.forget_history(SILVER_CANDIDATE)
    return _written(stage)


def accounted(
    rows_in: Mapping[str, int],
    resolved: Table,
    candidate: Table,
    quarantined: pa.Table,
    verdicts: Mapping[str, Verdict],
) -> dict[str, AssetLedger]:
    """Every asset's rows: what went in, counted in the batch, and what came out, as written."""
    again = resolved.filter(resolved.outcome == DEDUPLICATED).asset.value_counts()
    counts = _number_of_rows(again.to_pyarrow())
    promoted = _number_of_rows(candidate.symbol.value_counts().to_pyarrow())
    refused = _count(quarantined, "asset")
    return {
        symbol: AssetLedger(
            status=one.status,
            reason=one.reason,
            rows_in=rows_in.get(symbol, 0),
            promoted=promoted.get(symbol, 0),
            quarantined=refused.get(symbol, 0),
            deduplicated=counts.get(symbol, 0),
        )
        for symbol, one in verdicts.items()
    }


def audit_candidate(stage: Stage) -> list[Check]:
    """Run the Great Expectations suite over the candidate as it was written.

    Assets that declare different fields are judged by the rules about the fields they have. An
    empty candidate has nothing to audit: there is nothing to promote.
    """
    named = {"symbol", *(column for rule in stage.suite.rules for column in rule.columns)}
    frame = frame_of(stage.engine.batches(_written(stage).select(sorted(named))))
    checks: list[Check] = []
    kinds = sorted({asset.fields for asset in stage.chosen.values()})
    for fields in kinds:
        symbols = [one.symbol for one in stage.chosen.values() if one.fields == fields]
        part = frame if len(kinds) == 1 else frame[frame["symbol"].isin(symbols)]
        rules = [
            rule
            for rule in stage.suite.rules
            if not isinstance(rule, RowRule)
            or (applicable(rule, fields) and _has_any(part, rule.columns))
        ]
        if len(part):
            checks += audit(stage.suite, part, rules)
    return checks


def certify(stage: Stage) -> Certificate:
    """The gate's word about the candidate as it stands. Call it after ``stage.gate``.

    ``GateBlocked`` if it has rows of an asset that did not pass, or that Silver holds already.
    """
    stage.require_audit()
    _require_passing_assets(stage)
    _require_changes(stage)
    ordered = stage.engine.batches(_written(stage).order_by(list(KEY)))
    digest = ordered_digest(ordered, KEY) or content_digest(stage.lake.read(SILVER_CANDIDATE), KEY)
    fetches = stage.input(BRONZE_FETCHES).read_or_empty(
        BRONZE_FETCHES, where=ds.field("run_id") == stage.batch_run_id
    )
    version = stage.published.version(SILVER_BARS)
    certificate = Certificate(
        table=SILVER_BARS,
        run_id=stage.run_id,
        as_of=stage.as_of,
        candidate_digest=digest,
        base_version=-1 if version is None else version,
        suite_digest=suite_digest(stage.suite),
        config_digest=terms_digest(stage),
        code_digest=code_of_gate(stage),
        engine=engine_name(),
        inputs=tuple(sorted(set(fetches["payload"].to_pylist()))),
        verdicts={symbol: one.status for symbol, one in stage.ledgers.items()},
        checks_passed=sum(check.passed for check in stage.checks),
    )
    artifacts.replace(Layout(stage.output).certificate, certificate.model_dump_json().encode())
    return certificate


def publish_silver(
    stage: Stage, candidate: pa.Table, certificate: Certificate
) -> dict[str, AssetLedger]:
    """Publish the candidate in one commit that carries its certificate. Doing it again adds
    nothing.
    """
    commit = Commit(stage.run_id, stage.as_of, certificate.model_dump(mode="json"))
    rows = candidate.drop_columns(["change"])
    corrections = candidate.filter(pc.equal(candidate["change"], CORRECTION))
    if stage.is_by_hand:
        before = stage.published.read_or_empty(SILVER_BARS)
        stage.lake.overwrite(SILVER_BARS, before, stage.commit)
        stage.lake.upsert(SILVER_BARS, rows, KEY, commit)
    elif is_published(stage, certificate):
        log().info("the candidate is published already")
    elif len(corrections):
        stage.lake.upsert(SILVER_BARS, rows, KEY, commit)
    else:
        stage.lake.append(SILVER_BARS, rows, commit)
    counts = _count(candidate, "symbol")
    validated = stage.said_by(VALIDATE)
    before_it = validated.assets if validated else {}
    return {
        symbol: AssetLedger(
            status=before_it[symbol].status if symbol in before_it else "passed",
            reason=before_it[symbol].reason if symbol in before_it else "",
            rows_in=counts.get(symbol, 0),
            promoted=counts.get(symbol, 0),
        )
        for symbol in stage.selected
    }


def changes_of(candidate: pa.Table) -> dict[str, int]:
    """How many of the candidate's rows are new to Silver, and how many correct it."""
    return _count(candidate, "change")


def _is_blocked(delivered: StageRecord | None, symbol: str) -> bool:
    """Whether the rows that came of an asset are held whatever they are."""
    before = delivered.assets.get(symbol) if delivered else None
    return before is not None and before.status == "blocked" and before.rows_in > 0


def _due_sessions(stage: Stage, delivered: StageRecord | None) -> dict[str, int]:
    """How many sessions each chosen asset should have delivered. Without that nobody could tell
    "expected but absent" from "nothing expected".
    """
    due = delivered.details.get("due_sessions") if delivered else None
    missing = [one for one in stage.chosen if not isinstance(due, dict) or one not in due]
    if missing:
        raise StageError(
            f"stage '{INGEST}' recorded no due_sessions of {', '.join(missing[:5])}",
            observed=f"details['due_sessions']: {due!r:.200}" if delivered else "no record",
            expected="for each asset how many sessions were due",
            next_step="restore the last cell of 10_ingest.ipynb, then make run",
        )
    return dict(due or {})


def _require_passing_assets(stage: Stage) -> None:
    counts = _number_of_rows(_written(stage).symbol.value_counts().to_pyarrow())
    strangers = sorted(counts.keys() - set(stage.passing))
    if strangers:
        raise GateBlocked(
            f"the candidate has rows of {', '.join(strangers[:5])}, which no verdict lets pass",
            observed=f"{sum(counts[symbol] for symbol in strangers)} rows",
            expected=f"rows of {', '.join(stage.passing[:10]) or 'no asset'}",
            next_step="look at what a cell of the notebook puts into the candidate",
        )


def _require_changes(stage: Stage) -> None:
    """Every row is new to Silver, or corrects what is there."""
    rows = _written(stage)
    files = stage.published.files(SILVER_BARS) if stage.published.exists(SILVER_BARS) else []
    published = stage.engine.scan(files, schema_of(SILVER_BARS))
    known = rows.filter(rows.change == INSERT).semi_join(published, list(KEY))
    doubled = int(known.count().to_pyarrow().as_py())
    unexplained = int(rows.change.isnull().sum().fill_null(0).to_pyarrow().as_py())
    if doubled or unexplained:
        raise GateBlocked(
            "the candidate has rows that would not change Silver as they say",
            observed=f"{doubled} inserts whose key Silver holds, {unexplained} of no known change",
            expected="none",
            next_step="look at what a cell of the notebook puts into the candidate",
        )


def _written(stage: Stage) -> Table:
    return stage.engine.scan(stage.lake.files(SILVER_CANDIDATE), schema_of(SILVER_CANDIDATE))


def _count(rows: pa.Table, column: str) -> dict[str, int]:
    return {one["values"]: one["counts"] for one in rows[column].value_counts().to_pylist()}


def _has_any(part: pd.DataFrame, columns: tuple[str, ...]) -> bool:
    """Whether optional columns have a value at all; the others must, and the suite says so."""
    return all(name not in OPTIONAL_COLUMNS or part[name].notna().any() for name in columns)


def _number_of_rows(counted: pa.Table) -> dict[str, int]:
    return dict(zip(*(column.to_pylist() for column in counted.columns), strict=True))
