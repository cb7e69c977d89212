"""The candidate for Silver: written, audited as it was written, and certified."""

from collections import defaultdict
from collections.abc import Mapping
from functools import reduce
from operator import and_

import pyarrow as pa
from ibis.expr.types import Table

from sentinel_lib.cleaning.asset_counts import rows_by
from sentinel_lib.cleaning.decisive_rows import decisive_rows
from sentinel_lib.cleaning.row_keys import KEY
from sentinel_lib.cleaning.rule_names import DEDUPLICATED, PROMOTED
from sentinel_lib.cleaning.typed_bars import OPTIONAL_COLUMNS
from sentinel_lib.errors import GateBlocked, listed
from sentinel_lib.records.bar import DECLARED_COLUMNS, VALUE_COLUMNS, Fields, Prices
from sentinel_lib.records.details import Certificate
from sentinel_lib.records.roles import SILVER_BARS, SILVER_CANDIDATE
from sentinel_lib.records.stage import AssetLedger, Check
from sentinel_lib.rules.kinds import RowRule
from sentinel_lib.stages.certificates import gate_digests
from sentinel_lib.stages.sessions import within_times_of
from sentinel_lib.stages.silver import base_version, silver_of
from sentinel_lib.stages.stage import Stage
from sentinel_lib.stages.validate.batch import batch_fetches
from sentinel_lib.stages.validate.verdicts import Verdict
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.engine import engine_name
from sentinel_lib.storage.frames import counts_of, frame_of
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.upkeep import forget_history
from sentinel_lib.validation import audit


def write_candidate(stage: Stage, resolved: Table) -> Table:
    """Write the rows that would be promoted, in the order of their key, and give what was written.

    They go piece by piece, so that never all of them are held.
    """
    promoted = resolved.filter(resolved.outcome == PROMOTED)
    columns = schema_of(SILVER_CANDIDATE).names
    rows = stage.engine.batches(promoted.select(columns).order_by(list(KEY)))
    stage.lake.overwrite(SILVER_CANDIDATE, rows, stage.commit)
    forget_history(stage.lake, SILVER_CANDIDATE)
    return _written(stage)


def accounted(
    rows_in: Mapping[str, int],
    resolved: Table,
    candidate: Table,
    quarantined: pa.Table,
    verdicts: Mapping[str, Verdict],
    unchanged: Mapping[str, int],
) -> dict[str, AssetLedger]:
    """Every asset's rows: what went in, counted in the batch, and what came out, as written.
    ``unchanged`` ones went in, and are deduplicated.
    """
    promoted = rows_by(candidate.symbol)
    deduplicated = rows_by(resolved.filter(resolved.outcome == DEDUPLICATED).asset)
    refused = counts_of(quarantined["asset"])
    return {
        symbol: AssetLedger(
            status=verdict.status,
            reason=verdict.reason,
            rows_in=rows_in.get(symbol, 0) + unchanged.get(symbol, 0),
            promoted=promoted.get(symbol, 0),
            quarantined=refused.get(symbol, 0),
            deduplicated=deduplicated.get(symbol, 0) + unchanged.get(symbol, 0),
        )
        for symbol, verdict in verdicts.items()
    }


def audit_candidate(stage: Stage) -> list[Check]:
    """Run the Great Expectations suite over the candidate as it was written: over all of it, or
    the rows that decide what the suite says of all.

    Assets that differ in ``fields`` or ``prices`` are judged apart, by the rules that apply to
    them. An empty candidate has nothing to audit: there is nothing to promote.
    """
    rules = stage.suite.rules
    named = sorted({"symbol", *(column for rule in rules for column in rule.columns)})
    rows = _written(stage).select(named)
    key = KEY if stage.lake.is_ordered(SILVER_CANDIDATE) else ()
    kinds: defaultdict[tuple[Fields, Prices], list[str]] = defaultdict(list)
    for symbol, asset in stage.chosen.items():
        kinds[asset.fields, asset.prices].append(symbol)
    checks: list[Check] = []
    for (fields, prices), symbols in sorted(kinds.items()):
        part = rows if len(kinds) == 1 else rows.filter(rows.symbol.isin(symbols))
        optional = [name for name in OPTIONAL_COLUMNS if name in named]
        values = {f"with_{name}": part[name].count() for name in optional}
        [counts] = part.agg(rows=part.count(), **values).to_pyarrow().to_pylist()
        absent = set(VALUE_COLUMNS).difference(DECLARED_COLUMNS[fields], OPTIONAL_COLUMNS)
        # Only optional columns may be without any value: of the others the suite says so.
        empty = {name for name in optional if not counts[f"with_{name}"]}
        asked = [
            rule
            for rule in rules
            if not isinstance(rule, RowRule)
            or (
                rule.is_about(prices)
                and (absent if rule.judges_missing else absent | empty).isdisjoint(rule.columns)
            )
        ]
        if counts["rows"]:
            frame = frame_of(decisive_rows(part, asked, key))
            checks += audit(stage.suite, frame, asked, total=counts["rows"])
    return checks


def certify(stage: Stage) -> Certificate:
    """Write the certificate of the candidate as it stands. Call it after ``stage.gate``.

    Raises ``GateBlocked`` if no gate has evaluated the suite, or if the candidate has rows of an
    asset that did not pass, or rows that Silver holds as they are.
    """
    stage.require_audit()
    corrections = _corrections(stage, _written(stage))
    certificate = Certificate(
        table=SILVER_BARS,
        run_id=stage.run_id,
        as_of=stage.as_of,
        candidate_digest=stage.lake.digest(SILVER_CANDIDATE),
        corrections=corrections,
        base_version=base_version(stage.published),
        **gate_digests(stage.config, stage.suite),
        engine=engine_name(),
        inputs=tuple(sorted(set(batch_fetches(stage)["payload"].to_pylist()))),
        verdicts={symbol: ledger.status for symbol, ledger in stage.ledgers.items()},
    )
    artifacts.replace(Layout(stage.output).certificate, certificate.model_dump_json().encode())
    return certificate


def _corrections(stage: Stage, rows: Table) -> int:
    """How many of the rows correct one of Silver: the others are new there.

    Raises ``GateBlocked`` if one is of an asset that did not pass, or is in Silver as it is.
    """
    counts = rows_by(rows.symbol)
    strangers = sorted(counts.keys() - set(stage.passing))
    refused = sum(counts[symbol] for symbol in strangers)
    silver = within_times_of(silver_of(stage.engine, stage.published), rows)
    known = rows.inner_join(silver, list(KEY), rname="published_{name}")
    is_same = reduce(
        and_, (known[name].identical_to(known[f"published_{name}"]) for name in VALUE_COLUMNS)
    )
    [counted] = known.agg(rows=known.count(), same=is_same.sum()).to_pyarrow().to_pylist()
    faults = {
        f"rows of {listed(strangers)}, which no verdict lets pass": refused,
        "rows that Silver holds as they are": counted["same"],
    }
    if any(faults.values()):
        raise GateBlocked(
            "the candidate has rows that may not be promoted",
            observed="; ".join(f"{fault}: {count}" for fault, count in faults.items() if count),
            expected=f"new or corrected rows of {listed(stage.passing, at_most=10) or 'no asset'}",
            next_step="check what the cells of 20_validate.ipynb put into the candidate",
        )
    return int(counted["rows"])


def _written(stage: Stage) -> Table:
    return stage.engine.scan(stage.lake.files(SILVER_CANDIDATE), schema_of(SILVER_CANDIDATE))
