from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from sentinel_lib import logger
from sentinel_lib.errors import ConfigError
from sentinel_lib.messages.terminal import PlainLines
from sentinel_lib.service.service_log import ServiceLog

CANARY = "hunter2-canary-hunter2"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NOTIFY_URLS", f"json://robot:{CANARY}@127.0.0.1:1/in")
    yield
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def service_log(tmp_path: Path, stream: io.StringIO) -> ServiceLog:
    return ServiceLog(tmp_path / "logs", PlainLines(stream, with_cells=False))


def test_lines_are_said_and_logged_with_their_details(
    service_log: ServiceLog, stream: io.StringIO
) -> None:
    service_log.note("next run at noon", due="2024-03-06T12:00:00Z")
    service_log.warn("missed: 1 run")

    assert stream.getvalue() == "next run at noon\nwarning: missed: 1 run\n"
    first, second = map(json.loads, service_log.file.read_text().splitlines())
    assert (first["level"], first["event"], first["due"]) == (
        "info",
        "next run at noon",
        "2024-03-06T12:00:00Z",
    )
    assert second["level"] == "warning"


def test_log_is_its_own_again_after_a_run_has_sent_it_elsewhere(
    service_log: ServiceLog, tmp_path: Path
) -> None:
    logger.configure(tmp_path / "run.jsonl", terminal=False)

    service_log.note("the run is over")

    assert (tmp_path / "run.jsonl").read_text() == ""
    assert "the run is over" in service_log.file.read_text()


def test_failure_shows_no_secret_anywhere(service_log: ServiceLog, stream: io.StringIO) -> None:
    code = service_log.failed(ConfigError(f"cannot read {CANARY}", observed=CANARY))

    assert code == 3
    assert stream.getvalue().startswith("error: cannot read ")
    assert CANARY not in stream.getvalue()
    assert CANARY not in service_log.file.read_text()


def test_failure_that_nobody_foresaw_names_the_log(
    service_log: ServiceLog, stream: io.StringIO
) -> None:
    code = service_log.failed(ZeroDivisionError("division by zero"))

    said = f"error: ZeroDivisionError: division by zero; details in {service_log.file}\n"
    assert (code, stream.getvalue()) == (1, said)


def test_log_that_cannot_be_written_ends_nothing(
    service_log: ServiceLog, stream: io.StringIO
) -> None:
    service_log.file.parent.write_text("a file where the folder should be")

    service_log.note("next run at noon")

    assert stream.getvalue() == "next run at noon\n"
