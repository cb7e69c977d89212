"""The library of `30_promote_silver`: the certificate required, the candidate published."""

from collections.abc import Mapping

import pyarrow.dataset as ds
from ibis.expr.types import Table

from sentinel_lib.cleaning.asset_counts import rows_by
from sentinel_lib.cleaning.row_keys import KEY
from sentinel_lib.cleaning.rule_names import AWAITING_PROMOTION, CORRECTION, INSERT
from sentinel_lib.errors import GateBlocked, StorageError
from sentinel_lib.logger import log
from sentinel_lib.records.details import Certificate
from sentinel_lib.records.roles import QUARANTINE_BARS, SILVER_BARS, SILVER_CANDIDATE, VALIDATE
from sentinel_lib.records.stage import AssetLedger
from sentinel_lib.rules.suites import load_suite
from sentinel_lib.stages.certificates import gate_digests
from sentinel_lib.stages.silver import base_version, is_published
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.catalog import schema_of
from sentinel_lib.storage.delta_log import Commit
from sentinel_lib.storage.digest import content_digest
from sentinel_lib.storage.layout import Layout

_CERTIFIED = {
    "candidate_digest": "rows",
    "run_id": "run",
    "base_version": "version of silver.bars",
    "suite_digest": "rules of silver.yaml",
    "config_digest": "terms of assets.yaml",
    "code_digest": "code of the gate",
}
_VALIDATE_AGAIN = "python run_pipeline.py run, so that 20_validate judges what is to be published"


def read_candidate(stage: Stage) -> Table:
    """The rows to publish: those of ``silver.bars``.

    Raises ``StorageError`` if there is no candidate, or if it cannot be read.
    """
    files = stage.input(SILVER_CANDIDATE).files(SILVER_CANDIDATE)
    return stage.engine.scan(files, schema_of(SILVER_CANDIDATE))


def read_certificate(stage: Stage) -> Certificate:
    """The certificate of the candidate.

    Raises ``GateBlocked`` if there is none, for then no gate has passed the candidate, and
    ``StorageError`` if its file is not a certificate.
    """
    path = Layout(stage.input(SILVER_CANDIDATE).root).certificate
    if not path.exists():
        raise GateBlocked(
            "the candidate has no certificate: no gate has passed it",
            observed=f"no {path}",
            next_step=_VALIDATE_AGAIN,
        )
    try:
        return Certificate.model_validate_json(path.read_bytes())
    except ValueError as broken:
        raise StorageError(
            f"{path} is not a certificate: {broken}",
            next_step="delete that file, and run again with --from validate: the gate writes it",
        ) from None


def require_certificate(stage: Stage, candidate: Table, certificate: Certificate) -> None:
    """Go on only if ``certificate`` names these very rows, this run, and the Silver there is now.

    Raises ``GateBlocked`` if it does not, or if the rules, the terms of the assets or the code of
    the gate have changed since: a gate that judged by others has passed nothing. By hand only the
    rows and the run count.
    """
    validated = stage.said_by(VALIDATE)
    run_id = validated.run_id if validated else stage.input_run_id
    certified: dict[str, object] = certificate.model_dump()
    present: dict[str, object] = {
        "candidate_digest": _digest(stage, candidate),
        "run_id": run_id,
    }
    if not stage.is_by_hand:
        present |= gate_digests(stage.config, load_suite(stage.config, "silver"))
        if not is_published(stage.published, certificate):
            present["base_version"] = base_version(stage.published)
    changed = [_CERTIFIED[name] for name in present if certified[name] != present[name]]
    if changed:
        raise GateBlocked(
            "the candidate is not as it was certified",
            observed=f"changed since: {', '.join(changed)}",
            expected="a certificate of these rows, under the rules, the terms and the code of now",
            next_step=_VALIDATE_AGAIN,
        )


def publish_silver(
    stage: Stage, candidate: Table, certificate: Certificate
) -> dict[str, AssetLedger]:
    """Publish the candidate in one commit that carries its certificate, and give every asset's
    rows. Its files become those of Silver, unless some of its rows correct others. Doing it again
    adds nothing.
    """
    commit = Commit(stage.run_id, stage.as_of, certificate.model_dump(mode="json"))
    files = stage.input(SILVER_CANDIDATE).files(SILVER_CANDIDATE)
    if stage.is_by_hand:
        stage.lake.overwrite(SILVER_BARS, schema_of(SILVER_BARS).empty_table(), stage.commit)
        if stage.published.exists(SILVER_BARS):
            stage.lake.adopt(SILVER_BARS, stage.published.files(SILVER_BARS), stage.commit)
    if is_published(stage.lake, certificate):
        log().info("the candidate is published already")
    elif certificate.corrections:
        stage.lake.upsert(SILVER_BARS, candidate.to_pyarrow(), KEY, commit)
    else:
        stage.lake.adopt(SILVER_BARS, files, commit)
    counts, validated = rows_by(candidate.symbol), stage.said_by(VALIDATE)
    verdicts = validated.assets if validated else {}
    ledgers = {}
    for symbol in stage.selected:
        verdict, count = verdicts.get(symbol, AssetLedger()), counts.get(symbol, 0)
        status, reason = verdict.status, verdict.reason
        ledgers[symbol] = AssetLedger(status=status, reason=reason, rows_in=count, promoted=count)
    return ledgers


def release_waiting(stage: Stage) -> None:
    """Take the rows out of quarantine that waited for this promotion."""
    if stage.lake.exists(QUARANTINE_BARS):
        stage.lake.delete(QUARANTINE_BARS, ds.field("rule") == AWAITING_PROMOTION, stage.commit)


def changes_of(ledgers: Mapping[str, AssetLedger], certificate: Certificate) -> dict[str, int]:
    """How many of the candidate's rows are new to Silver, and how many correct it."""
    promoted = sum(ledger.promoted for ledger in ledgers.values())
    corrections = certificate.corrections
    changes = {INSERT: promoted - corrections, CORRECTION: corrections}
    return {change: count for change, count in changes.items() if count}


def _digest(stage: Stage, candidate: Table) -> str:
    """The content digest of the rows: the one found when they were written, if these are they."""
    if candidate.equals(read_candidate(stage)):
        return stage.input(SILVER_CANDIDATE).digest(SILVER_CANDIDATE)
    return content_digest(candidate.to_pyarrow().cast(schema_of(SILVER_CANDIDATE)), KEY)
