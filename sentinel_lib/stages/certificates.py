"""What a certificate stands for: the terms of the assets, and the code of the gate."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sentinel_lib.reachable_code import ReachableCode, code_digest
from sentinel_lib.records.roles import VALIDATE
from sentinel_lib.settings.assets import read_assets
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import in_project


def terms_digest(config: Path) -> str:
    """sha256 of what ``assets.yaml`` says; comments and layout do not count."""
    file, _ = read_assets(config)
    return hashlib.sha256(file.model_dump_json().encode()).hexdigest()


def gate_digest(config: Path) -> str:
    """One digest of the code cells of ``20_validate`` and all that they can reach."""
    pipeline = load_pipeline(config)
    [gate] = [stage for stage in pipeline.stages if stage.name == VALIDATE]
    return code_digest(ReachableCode().of_notebook(in_project(pipeline.notebooks) / gate.notebook))
