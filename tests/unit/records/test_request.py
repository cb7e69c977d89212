from __future__ import annotations

import json
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from sentinel_lib.records.request import RunRequest

AS_OF = datetime(2024, 1, 3, tzinfo=UTC)


def test_request_of_release_0_2_0_can_be_read() -> None:
    kept = (
        '{"run_id": "r", "kind": "replay", "as_of": "2024-01-03T00:00:00Z", "command": "c", '
        '"assets": ["AAPL"], "source": "", "input_path": "", "threads": null, "fail_on": "never"}'
    )

    request = RunRequest.model_validate_json(kept)

    assert json.loads(request.model_dump_json()) == json.loads(kept)
    assert request == RunRequest(
        run_id="r", kind="replay", as_of=AS_OF, command="c", assets=("AAPL",), fail_on="never"
    )


def test_options_that_are_not_given_or_not_of_a_run_are_passed_over() -> None:
    options = Namespace(command="run", json=True, source=None, threads=2, force=True)

    request = RunRequest.of(options, "python run_pipeline.py")

    assert request == RunRequest(threads=2, force=True, command="python run_pipeline.py")


def test_what_is_kept_leaves_out_how_that_one_command_went_about_it() -> None:
    request = RunRequest(run_id="r", as_of=AS_OF, force=True, data=Path("/data"), wait_seconds=5)

    assert list(request.model_dump(mode="json")) == [
        "run_id", "kind", "as_of", "command", "assets", "source", "input_path", "threads",
        "fail_on",
    ]  # fmt: skip


def test_resumed_request_is_the_old_one_in_the_manner_of_the_new_command() -> None:
    old = RunRequest(run_id="r", as_of=AS_OF, assets=("AAPL",), force=True, only_stage="ingest")
    new = RunRequest(data=Path("/data"), fork=False, command="resume r")

    assert old.again(new, "validate") == RunRequest(
        as_of=AS_OF, assets=("AAPL",), data=Path("/data"), fork=False, command="resume r",
        resumed="r", from_stage="validate", future=True,
    )  # fmt: skip


def test_notebooks_hear_plain_values_and_which_flag_gave_them() -> None:
    request = RunRequest(kind="replay", assets=("AAPL", "MSFT"), input_path=Path("bars.csv"))

    assert request.heard() == {
        "archive": ("quarantine", "replay"),
        "assets": ("AAPL,MSFT", "--assets"),
        "source": ("", ""),
        "input_path": (str(Path.cwd() / "bars.csv"), "--input"),
        "threads": ("", ""),
    }
