"""What a certificate is worth: asked before anything is published."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from sentinel_lib.cleaning.row_keys import KEY
from sentinel_lib.errors import GateBlocked, StorageError
from sentinel_lib.reachable_code import ReachableCode, code_digest
from sentinel_lib.records.certificate import Certificate
from sentinel_lib.records.roles import SILVER_BARS, SILVER_CANDIDATE, VALIDATE
from sentinel_lib.rules.suites import load_suite
from sentinel_lib.settings.assets import read_assets
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import in_project
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.digest import content_digest
from sentinel_lib.storage.layout import Layout
from sentinel_lib.validation import suite_digest


def read_certificate(stage: Stage) -> Certificate:
    """The certificate of the candidate that is read; none means that no gate let it through."""
    path = Layout(stage.input(SILVER_CANDIDATE).root).certificate
    if not path.exists():
        raise GateBlocked("the candidate has no certificate: no gate has let it through")
    try:
        return Certificate.model_validate_json(path.read_bytes())
    except ValueError as broken:
        raise StorageError(f"{path} is not a certificate: {broken}", next_step="make run") from None


def is_published(stage: Stage, certificate: Certificate) -> bool:
    """Whether the newest commit of Silver carries this very certificate."""
    lake = stage.published
    is_there = lake.exists(SILVER_BARS)
    return is_there and lake.certificate(SILVER_BARS) == certificate.model_dump(mode="json")


def require_certificate(stage: Stage, candidate: pa.Table, certificate: Certificate) -> None:
    """Refuse to go on unless ``certificate`` names exactly this candidate, for exactly this run."""
    digest = content_digest(candidate, KEY)
    validated = stage.said_by(VALIDATE)
    claims = [
        ("rows (sha256)", certificate.candidate_digest, digest),
        ("run", certificate.run_id, validated.run_id if validated else stage.input_run_id),
    ]
    if not stage.is_by_hand and not is_published(stage, certificate):
        version = stage.published.version(SILVER_BARS)
        claims.append(
            (
                "version of silver.bars",
                str(certificate.base_version),
                str(-1 if version is None else version),
            )
        )
    for what, certified, found in claims:
        if certified != found:
            raise GateBlocked(
                f"the candidate is not the one that was certified: its {what} differs",
                observed=found,
                expected=certified,
                next_step="run the pipeline again, so that the gate sees what is to be published",
            )
    if not stage.is_by_hand:
        _require_what_stands(stage, certificate)


def _require_what_stands(stage: Stage, certificate: Certificate) -> None:
    """A gate that judged by other rules, terms or code than today's has let nothing through."""
    claims = {
        "rules of silver.yaml": (
            certificate.suite_digest,
            suite_digest(load_suite(stage.config, "silver")),
        ),
        "terms of assets.yaml": (certificate.config_digest, terms_digest(stage)),
        "code of the gate": (certificate.code_digest, code_of_gate(stage)),
    }
    changed = [what for what, (then, now) in claims.items() if then != now]
    if changed:
        raise GateBlocked(
            "the candidate was certified before something changed that the gate goes by",
            observed=f"changed since: {', '.join(changed)}",
            expected="a certificate under the rules, the terms and the code that stand",
            next_step="python run_pipeline.py run",
        )


def terms_digest(stage: Stage) -> str:
    """sha256 of what ``assets.yaml`` says; comments and layout do not count."""
    file, _ = read_assets(stage.config)
    return hashlib.sha256(file.model_dump_json().encode()).hexdigest()


def code_of_gate(stage: Stage) -> str:
    """One digest of the code cells of ``20_validate`` and all that they can reach."""
    pipeline = load_pipeline(stage.config)
    [gate] = [one for one in pipeline.stages if one.name == VALIDATE]
    notebook = in_project(pipeline.notebooks) / gate.notebook
    return code_digest(ReachableCode().of_notebook(notebook))
