"""``docs/configuration.md`` says what there is to configure: all of it, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from sentinel_lib.rules.suites import SchemaDrift, Suite, load_suite
from sentinel_lib.settings.assets import AssetsFile, AssetTerms
from sentinel_lib.settings.pipeline import PipelineFile, load_pipeline
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.settings.sources import SOURCES
from tests.assets_file import load_assets

PAGE = (PROJECT_ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
ROOTS: tuple[type[BaseModel], ...] = (AssetsFile, AssetTerms, PipelineFile, Suite)


def models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.values()
        return {annotation}.union(*(models_in(field.annotation) for field in fields))
    return set().union(*(models_in(argument) for argument in get_args(annotation)))


def keys_of(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


MODELS = sorted(set().union(*(models_in(root) for root in ROOTS)), key=lambda one: one.__name__)
KEYS = {key for model in MODELS for key in keys_of(model)}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_page_mentions_every_key_of_every_model(model: type[BaseModel]) -> None:
    missing = [key for key in keys_of(model) if f"`{key}`" not in PAGE]

    assert missing == []


def test_page_mentions_every_expectation() -> None:
    names = {word for model in MODELS for word in words_of(model, "expect")}

    assert names == set(re.findall(r"`(expect_\w+)`", PAGE))


def test_page_lists_no_key_that_is_gone() -> None:
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))
    expectations = {key for key in listed if key.startswith("expect_")}

    assert listed - expectations - KEYS == set()


def test_walk_reaches_the_options_of_every_source() -> None:
    assert set(SOURCES.values()) <= set(MODELS)


def test_examples_of_the_page_are_valid(tmp_path: Path) -> None:
    assets, sources, pipeline, bronze, silver = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "expectations").mkdir()
    (tmp_path / "assets.yaml").write_text(assets + sources)
    (tmp_path / "pipeline.yaml").write_text(pipeline)
    (tmp_path / "expectations" / "silver.yaml").write_text(silver)
    (tmp_path / "expectations" / "bronze.yaml").write_text(bronze)

    found = load_assets(tmp_path)

    assert list(found) == list(yaml.safe_load(assets)["assets"])
    assert load_pipeline(tmp_path).stages[0].name == "ingest"
    assert load_suite(tmp_path, "silver").limits.max_quarantined_fraction == 0.05
    assert load_suite(tmp_path, "bronze").schema_drift == SchemaDrift()


def words_of(model: type[BaseModel], key: str) -> tuple[str, ...]:
    field = model.model_fields.get(key)
    return get_args(field.annotation) if field else ()
