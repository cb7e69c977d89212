"""What the user configures: the files under ``config/`` and the environment."""

from sentinel_lib.settings.assets import Asset, AssetsFile, load_assets
from sentinel_lib.settings.freshness_limits import Limit, Limits
from sentinel_lib.settings.pipeline import PipelineFile, Stage, load_pipeline
from sentinel_lib.settings.sources import (
    FilesOptions,
    KrakenOptions,
    SimulatedOptions,
    SourceOptions,
)
from sentinel_lib.settings.suites import Rule, Suite, load_suite

__all__ = [
    "Asset",
    "AssetsFile",
    "FilesOptions",
    "KrakenOptions",
    "Limit",
    "Limits",
    "PipelineFile",
    "Rule",
    "SimulatedOptions",
    "SourceOptions",
    "Stage",
    "Suite",
    "load_assets",
    "load_pipeline",
    "load_suite",
]
