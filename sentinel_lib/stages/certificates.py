"""What a certificate stands for: the rules, the terms of the assets, and the code of the gate."""

import hashlib
from pathlib import Path

from pydantic import BaseModel

from sentinel_lib.reachable_code import ReachableCode, code_digest
from sentinel_lib.records.roles import VALIDATE
from sentinel_lib.rules.suites import Suite
from sentinel_lib.settings.assets import read_assets
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import in_project


def digest_of(demands: BaseModel) -> str:
    """sha256 of what a file of the configuration says; comments and layout do not count."""
    return hashlib.sha256(demands.model_dump_json().encode()).hexdigest()


def gate_digests(config: Path, suite: Suite) -> dict[str, str]:
    """What the gate goes by, by field of ``Certificate``: ``suite``, ``assets.yaml``, and the code
    cells of ``20_validate`` with all that they can reach.
    """
    assets, _ = read_assets(config)
    pipeline = load_pipeline(config)
    [gate] = [stage for stage in pipeline.stages if stage.name == VALIDATE]
    notebook = in_project(pipeline.notebooks) / gate.notebook
    return {
        "suite_digest": digest_of(suite),
        "config_digest": digest_of(assets),
        "code_digest": code_digest(ReachableCode().of_notebook(notebook)),
    }
