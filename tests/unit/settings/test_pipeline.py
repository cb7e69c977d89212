from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.pipeline import StageSpec, load_pipeline

Write = Callable[[str, str], Path]

ONE_STAGE = """\
stages:
  - name: ingest
    notebook: 10_ingest.ipynb
"""


def test_pipeline_of_one_stage_has_defaults_for_everything_else(config_with: Write) -> None:
    file = load_pipeline(config_with("pipeline.yaml", ONE_STAGE))

    assert (file.data, file.reports, file.logs) == ("data", "reports", "logs")
    assert (file.notebooks, file.threads) == ("notebooks", None)
    assert file.stages == [
        StageSpec(
            name="ingest",
            notebook="10_ingest.ipynb",
            reads=[],
            writes=[],
            suite=None,
            timeout_minutes=30,
            when="previous_ok",
        )
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "stages: this key is required and missing"),
        ("- a\n", 1, "must be a mapping of keys to values"),
        ("stages: []\n", 1, "stages: must have 1 or more items"),
        ("stages: {}\n", 1, "stages: must be a list"),
        ("stages:\n  - ingest\n", 2, "stages.0: must be a mapping"),
        ("stages:\n  - notebook: a.ipynb\n", 2, "stages.0.name: this key is required"),
        (f"thread: 2\n{ONE_STAGE}", 1, "unknown key 'thread'; did you mean 'threads'?"),
        (f"threads: 0\n{ONE_STAGE}", 1, "threads: must be 1 or more"),
        (f"threads: two\n{ONE_STAGE}", 1, "threads: must be a whole number"),
        (f"data: 5\n{ONE_STAGE}", 1, "data: must be text"),
        (f"{ONE_STAGE}    wehn: always\n", 4, "unknown key 'wehn'; did you mean 'when'?"),
        (f"{ONE_STAGE}    when: alway\n", 4, "'alway' is not accepted; did you mean 'always'?"),
        (f"{ONE_STAGE}    suite: silvr\n", 4, "did you mean 'silver'?"),
        (f"{ONE_STAGE}    timeout_minutes: 0\n", 4, "must be more than 0"),
        (f"{ONE_STAGE}    timeout_minutes: .inf\n", 4, "must be a finite number"),
        (f"{ONE_STAGE}    reads: bronze.bars\n", 4, "stages.0.reads: must be a list"),
        (f"{ONE_STAGE}    reads:\n      - a\n      - 1\n", 6, "stages.0.reads.1: must be text"),
        ("stages:\n  - name: In gest\n    notebook: a.ipynb\n", 2, "must be lower-case letters"),
        ("stages:\n  - name: ingest\n    notebook: a.py\n", 3, "must be the name of a notebook"),
        (
            "stages:\n  - name: ingest\n    notebook: ../a.ipynb\n",
            3,
            "must be the name of a notebook",
        ),
    ],
)
def test_pipeline_that_is_wrong_is_an_error_at_its_line(
    config_with: Write, text: str, line: int, said: str
) -> None:
    config = config_with("pipeline.yaml", text)

    with pytest.raises(ConfigError) as caught:
        load_pipeline(config)

    assert str(caught.value).startswith(f"{config / 'pipeline.yaml'}:{line}: ")
    assert said in str(caught.value)


def test_stage_that_is_listed_twice_is_an_error_at_the_second(config_with: Write) -> None:
    text = f"{ONE_STAGE}  - name: ingest\n    notebook: 11_ingest.ipynb\n"

    with pytest.raises(ConfigError, match=r"yaml:4: .*stage 'ingest' is already on line 2"):
        load_pipeline(config_with("pipeline.yaml", text))


RENAMED = """\
stages:
  - name: fetch
    notebook: 10_ingest.ipynb
    reads: [sources]
    writes:
      - raw.files
      - bronze.fetches
"""


@pytest.mark.parametrize(
    ("table", "role"),
    [
        ("bronze.fetches", "ingest"),
        ("silver.candidate", "validate"),
        ("silver.bars", "promote_silver"),
        ("gold.aggregates", "build_gold"),
        ("freshness.json", "monitor"),
    ],
)
def test_stage_that_others_rely_on_cannot_be_renamed(
    config_with: Write, table: str, role: str
) -> None:
    text = RENAMED.replace("bronze.fetches", table)

    with pytest.raises(ConfigError) as caught:
        load_pipeline(config_with("pipeline.yaml", text))

    assert f"yaml:7: stages.0.writes.1: only stage '{role}' may write {table}" in str(caught.value)
    assert f"expected: name: {role}" in str(caught.value)


def test_stages_that_publish_cannot_change_places(config_with: Write) -> None:
    text = """\
stages:
  - {name: promote_silver, notebook: a.ipynb, writes: [silver.bars]}
  - {name: extra, notebook: b.ipynb, writes: [extra.table]}
  - {name: validate, notebook: c.ipynb, writes: [silver.candidate]}
"""

    with pytest.raises(ConfigError, match=r"yaml:4: .*'validate' must come before 'promote_silver"):
        load_pipeline(config_with("pipeline.yaml", text))


def test_other_stages_may_stand_anywhere(config_with: Write) -> None:
    text = """\
stages:
  - {name: before, notebook: a.ipynb, writes: [before.table]}
  - {name: ingest, notebook: b.ipynb, writes: [bronze.fetches]}
  - {name: between, notebook: c.ipynb, reads: [bronze.bars]}
  - {name: validate, notebook: d.ipynb, writes: [silver.candidate]}
"""

    assert len(load_pipeline(config_with("pipeline.yaml", text)).stages) == 4


def test_missing_pipeline_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pipeline\.yaml: there is no such file"):
        load_pipeline(tmp_path)
