from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sentinel_lib.errors import ConfigError, UsageError
from sentinel_lib.notebook_runner.code_cells import declared_parameters
from sentinel_lib.planning import plan
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunRecord, StageOutcome
from sentinel_lib.settings.project import PROJECT_ROOT

NOW = datetime(2024, 1, 3, 12, 30, 15, 999_999, tzinfo=UTC)


def published(as_of: datetime, status: Any = "ok") -> RunRecord:
    return RunRecord(
        run_id=f"{as_of:%Y%m%dT%H%M%SZ}-0000",
        as_of=as_of,
        started_at_utc=as_of,
        finished_at_utc=as_of,
        status="ok",
        exit_code=0,
        stages=[StageOutcome(name="promote_silver", status=status)],
    )


def test_as_of_is_the_start_of_the_run_to_the_second_unless_given(project: Any) -> None:
    made = plan.make(project.request(as_of=None), NOW)

    assert made.as_of == datetime(2024, 1, 3, 12, 30, 15, tzinfo=UTC)
    assert made.run_id.startswith("20240103T123015.999Z-")
    assert len(made.run_id) == len("20240103T123015.999Z-abcd")


def test_as_of_with_an_offset_becomes_utc(project: Any) -> None:
    cet = timezone(timedelta(hours=1))

    made = plan.make(project.request(as_of=datetime(2024, 1, 3, tzinfo=cet)), NOW)

    assert made.stages[0].parameters["as_of"] == "2024-01-02T23:00:00Z"


def test_stages_get_the_values_that_their_notebooks_declare(project: Any) -> None:
    options = project.request(assets=("MSFT",), threads=2)

    made = plan.make(options, NOW)

    assert made.symbols == ("MSFT",)
    assert made.stages[0].parameters == {
        "run_id": made.run_id,
        "as_of": "2024-01-03T00:00:00Z",
        "config_dir": str(project.folder / "config"),
        "data_dir": str(project.folder / "data"),
        "threads": 2,
        "assets": "MSFT",
    }


def test_folders_of_the_command_line_stand_over_those_of_the_file(
    project: Any, tmp_path: Path
) -> None:
    made = plan.make(project.request(data=tmp_path / "other", reports=tmp_path / "pages"), NOW)

    assert made.folders.data == tmp_path / "other"
    assert made.report_folder == tmp_path / "pages" / made.run_id
    assert made.log_file == tmp_path / "logs" / f"{made.run_id}.jsonl"


def test_planning_creates_nothing(project: Any) -> None:
    plan.make(project.request(), NOW)

    assert project.created() == []
    assert not (project.folder / "reports").exists()


def test_unknown_asset_is_refused_with_the_nearest_one(project: Any) -> None:
    with pytest.raises(UsageError, match="did you mean 'AAPL'"):
        plan.make(project.request(assets=("AAPLE",)), NOW)


def test_assets_of_an_input_are_not_known_before_it_is_read(project: Any) -> None:
    notebook = project.folder / "notebooks" / "ingest.ipynb"
    declared = r"""assets: str = \"\"  # only these"""
    more = r"""\ninput_path: str = \"\"\nsource: str = \"\""""
    notebook.write_text(notebook.read_text().replace(declared, declared + more))

    made = plan.make(
        project.request(source="files", input_path=Path("in.csv"), assets=("TSLA",)), NOW
    )

    assert made.symbols == ()
    assert made.stages[0].parameters["input_path"] == str(Path.cwd() / "in.csv")
    assert "input_path" not in made.stages[1].parameters


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source": "kraken"}, "--source was given, but no notebook has a parameter 'source'"),
        (
            {"input_path": Path("in.csv"), "source": "files"},
            "--source was given, but no notebook",
        ),
    ],
)
def test_option_that_no_stage_would_hear_of_is_refused(
    project: Any, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        plan.make(project.request(**given), NOW)


def test_every_option_that_notebooks_may_hear_is_declared_by_one_of_ours() -> None:
    notebooks = sorted((PROJECT_ROOT / "notebooks").glob("*.ipynb"))

    declared = {name for notebook in notebooks for name in declared_parameters(notebook)}

    assert len(notebooks) == 5
    assert set(RunRequest().heard()) <= declared


@pytest.mark.parametrize(
    ("notebook", "message"),
    [
        ("untagged", r"ingest\.ipynb: no cells are tagged 'parameters'"),
        ("lacks_data_dir", r"ingest\.ipynb: the parameters cell lacks 'data_dir'"),
        ("ill_typed", r"ingest\.ipynb: parameter 'threads' has another type than its value"),
    ],
)
def test_notebook_whose_parameters_do_not_fit_is_refused_before_anything_starts(
    project: Any, notebook: str, message: str
) -> None:
    project.stages("ingest", "monitor", ingest=notebook)

    with pytest.raises(ConfigError, match=message) as refused:
        plan.make(project.request(), NOW)

    assert project.created() == []
    if notebook != "untagged":
        assert "run_id: str, as_of: str, config_dir: str" in str(refused.value.expected)


@pytest.mark.parametrize("file", ["pipeline.yaml", "assets.yaml", "expectations/silver.yaml"])
def test_every_file_of_the_configuration_is_read_before_anything_starts(
    project: Any, file: str
) -> None:
    (project.folder / "config" / file).write_text("surprise: 1\n")

    with pytest.raises(ConfigError, match=f"{file}:1: surprise: unknown key"):
        plan.make(project.request(), NOW)

    assert project.created() == []


def test_as_of_before_the_last_published_one_is_refused_and_says_how_to_look_back(
    project: Any,
) -> None:
    project.history.write_run(published(datetime(2024, 1, 4, tzinfo=UTC)))

    with pytest.raises(UsageError, match="lies before what is published") as refused:
        plan.make(project.request(as_of=datetime(2024, 1, 3, tzinfo=UTC)), NOW)

    assert 'read_table("gold.daily", as_of="2024-01-03T00:00:00Z")' in str(refused.value)


def test_as_of_equal_to_the_last_published_one_may_run_again(project: Any) -> None:
    project.history.write_run(published(datetime(2024, 1, 4, tzinfo=UTC)))

    made = plan.make(project.request(as_of=datetime(2024, 1, 4, tzinfo=UTC)), NOW)

    assert made.as_of == datetime(2024, 1, 4, tzinfo=UTC)


def test_last_published_passes_over_runs_that_published_nothing() -> None:
    runs = [
        published(datetime(2024, 1, 9, tzinfo=UTC), "failed"),
        published(datetime(2024, 1, 8, tzinfo=UTC), "skipped"),
        published(datetime(2024, 1, 4, tzinfo=UTC), "degraded"),
        published(datetime(2024, 1, 3, tzinfo=UTC)),
    ]

    assert plan.last_published(runs) == datetime(2024, 1, 4, tzinfo=UTC)
    assert plan.last_published([]) is None


def test_after_a_rollback_what_is_published_is_as_of_what_it_restored(project: Any) -> None:
    far = datetime(2034, 1, 1, tzinfo=UTC)
    restored = published(datetime(2024, 1, 2, tzinfo=UTC))
    rolled_back = restored.model_copy(update={"kind": "rollback", "stages": []})

    assert plan.last_published([rolled_back, published(far), restored]) == restored.as_of


def test_as_of_ahead_of_the_clock_is_refused_unless_it_is_meant(project: Any) -> None:
    far = datetime(2034, 1, 1, tzinfo=UTC)

    with pytest.raises(UsageError, match="lies ahead of the clock") as refused:
        plan.make(project.request(as_of=far), NOW)
    made = plan.make(project.request(as_of=far, future=True), NOW)

    assert "--future" in str(refused.value)
    assert project.created() == []
    assert made.as_of == far


def test_as_of_may_be_a_day_ahead_for_clocks_differ(project: Any) -> None:
    tomorrow = NOW.replace(microsecond=0) + timedelta(days=1)

    assert plan.make(project.request(as_of=tomorrow), NOW).as_of == tomorrow


def test_error_in_a_copy_of_the_configuration_names_the_file_that_was_copied(
    project: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project.folder / "config", copy)
    file = copy / "expectations" / "silver.yaml"
    file.write_text(f"surprise: 1\n{file.read_text()}")
    shown = project.folder / "config" / "expectations" / "silver.yaml"

    with pytest.raises(ConfigError, match=f"^{shown}:1: surprise: unknown key"):
        plan.make(project.request(), NOW, copy)


def test_stages_are_told_the_folder_of_the_user_when_a_copy_is_read(
    project: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project.folder / "config", copy)

    made = plan.make(project.request(), NOW, copy)

    assert made.config == copy
    assert made.stages[0].parameters["config_dir"] == str(project.folder / "config")
