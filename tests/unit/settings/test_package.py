from __future__ import annotations

import subprocess
import sys

from sentinel_lib.rules.suites import LAYERS, load_suite
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import PROJECT_ROOT
from tests.assets_file import load_assets

HEAVY = ("pandas", "numpy", "exchange_calendars", "great_expectations", "pyarrow", "duckdb", "ibis")


def test_reading_the_settings_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pathlib import Path; "
        "from sentinel_lib.settings import pipeline; from sentinel_lib.rules import suites; "
        "from sentinel_lib.settings.assets import read_assets; "
        f"file, document = read_assets(Path({str(PROJECT_ROOT / 'config')!r})); "
        "file.resolve(document); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_shipped_configuration_is_valid() -> None:
    config = PROJECT_ROOT / "config"

    assets, pipeline = load_assets(config), load_pipeline(config)
    suites = {layer: load_suite(config, layer) for layer in LAYERS}

    assert {asset.source for asset in assets.values()} == {"simulated"}
    assert {stage.suite for stage in pipeline.stages if stage.suite} == set(suites)
