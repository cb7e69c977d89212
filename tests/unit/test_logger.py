from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from sentinel_lib import logger
from sentinel_lib.errors import StorageError
from sentinel_lib.logger import log
from sentinel_lib.settings.environment import Environment
from sentinel_lib.settings.secrets import Scrubber


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def events_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_event_is_one_line_of_json_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "run.jsonl"
    logger.configure(path, terminal=False)

    log().info("promoted", symbol="AAPL", rows=12)
    log().warning("quarantined", symbol="Zürich\nAG")

    first, second = events_of(path)
    assert first.pop("logged_at_utc").endswith("Z")
    assert first == {"event": "promoted", "level": "info", "symbol": "AAPL", "rows": 12}
    assert (second["level"], second["symbol"]) == ("warning", "Zürich\nAG")


def test_bound_values_are_in_every_event_until_unbound(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    logger.configure(path, terminal=False)

    logger.bind(run_id="r1", stage="ingest")
    log().info("one")
    logger.unbind("stage")
    log().info("two")

    one, two = events_of(path)
    assert (one["run_id"], one["stage"]) == ("r1", "ingest")
    assert (two["run_id"], "stage" in two) == ("r1", False)


def test_terminal_shows_a_readable_line_without_time_and_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger.configure(None)

    logger.bind(run_id="r1", stage="ingest")
    log().info("promoted", symbol="AAPL", rows=12)

    assert capsys.readouterr().err == "info    promoted  symbol=AAPL rows=12 stage=ingest\n"


def test_terminal_that_is_off_shows_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.configure(tmp_path / "run.jsonl", terminal=False)

    log().error("failed")

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert [one["event"] for one in events_of(tmp_path / "run.jsonl")] == ["failed"]


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        ("DEBUG", ["debug", "info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"]),
        ("ERROR", ["error"]),
    ],
)
def test_events_below_the_level_are_left_out(tmp_path: Path, level: str, kept: list[str]) -> None:
    path = tmp_path / "run.jsonl"
    logger.configure(path, level=level, terminal=False)

    for name in ("debug", "info", "warning", "error"):
        getattr(log(), name)(name)

    assert [one["event"] for one in events_of(path)] == kept


def test_exception_is_in_the_log_with_its_traceback(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    logger.configure(path, terminal=False)

    try:
        raise ValueError("no such bar")
    except ValueError:
        log().exception("failed")

    assert events_of(path)[0]["exception"].endswith("ValueError: no such bar")


def test_value_that_json_cannot_write_is_logged_as_its_text(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    logger.configure(path, terminal=False)

    log().info("found", file=Path("a/b.csv"), name="broken\udcff")

    found = events_of(path)[0]
    assert (found["file"], found["name"]) == ("a/b.csv", "broken\udcff")


def test_configuring_again_appends_to_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    for name in ("one", "two"):
        logger.configure(path, terminal=False)
        log().info(name)

    assert [one["event"] for one in events_of(path)] == ["one", "two"]


def test_log_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")

    with pytest.raises(StorageError, match=r"run\.jsonl could not be written: ") as caught:
        logger.configure(tmp_path / "logs" / "run.jsonl")

    assert caught.value.next_step == "free disk space, or let this user write to the folder"


def test_secrets_are_in_neither_the_file_nor_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.jsonl"
    environment = Environment.model_construct(notify_urls=SecretStr("hunter2-hunter2"))
    logger.configure(path, scrub=Scrubber(environment).scrub_tree)

    logger.bind(stage="hunter2-hunter2")
    try:
        raise ValueError("no answer from hunter2-hunter2")
    except ValueError:
        log().exception(
            "it was hunter2-hunter2", path=Path("hunter2-hunter2"), tried=["aHVudGVyMi1odW50ZXIy"]
        )

    [event] = events_of(path)
    mark = "(secret:NOTIFY_URLS)"
    assert (event["event"], event["stage"], event["path"]) == (f"it was {mark}", mark, mark)
    assert event["tried"] == [mark]
    assert event["exception"].endswith(f"ValueError: no answer from {mark}")
    assert "hunter2-hunter2" not in path.read_text() + capsys.readouterr().err
