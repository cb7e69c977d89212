"""What a certificate stands for: the rules, the terms of the assets, and the code of the gate."""

from importlib.metadata import version
from pathlib import Path

from sentinel_lib.reachable_code import ReachableCode, code_digest
from sentinel_lib.records.roles import VALIDATE
from sentinel_lib.rules.suites import Suite
from sentinel_lib.settings.assets import read_assets
from sentinel_lib.settings.pipeline import notebook_of
from sentinel_lib.storage.engine import engine_name


def gate_digests(config: Path, suite: Suite) -> dict[str, str]:
    """What the gate goes by, by field of ``Certificate``: ``suite``, ``assets.yaml``, and the code
    cells of ``20_validate`` with all that they can reach.
    """
    assets, _ = read_assets(config)
    return {
        "suite_digest": suite.digest,
        "config_digest": assets.digest,
        "code_digest": code_digest(ReachableCode().of_notebook(notebook_of(config, VALIDATE))),
    }


def made_with(config: Path, stage: str) -> str:
    """One digest for what ``stage`` works with, while which its earlier results stand: the code
    that its notebook can reach, the engine, and the calendars.
    """
    parts = ReachableCode().of_notebook(notebook_of(config, stage))
    calendars = version("exchange_calendars")
    return code_digest({**parts, "engine": engine_name(), "calendars": calendars})
