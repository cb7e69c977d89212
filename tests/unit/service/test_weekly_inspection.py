from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from sentinel_lib import clock
from sentinel_lib.pipeline.interruption import Interruption
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.records.inspection import Inspection
from sentinel_lib.service.health import ServiceState, damage, health_response
from sentinel_lib.service.schedule_loop import until_signal
from sentinel_lib.service.service_log import ServiceLog
from sentinel_lib.service.weekly_inspection import EVERY, WeeklyInspection
from sentinel_lib.settings.project import PROJECT_ROOT
from sentinel_lib.storage import root
from sentinel_lib.storage.run_history import RunHistory
from sentinel_lib.storage.tables import Commit, Lake

NOW = datetime(2024, 3, 6, 12, tzinfo=UTC)
PROBLEM = "table silver.bars in data cannot be read: its file silver/bars/x is damaged\n  next: y"


class Lines(Progress):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def waiting(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one table."""
    data = tmp_path / "data"
    root.begin(data)
    Lake(data).append("ops.notes", pa.table({"note": ["a"]}), Commit("r1", NOW))
    return data


def inspection_of(data: Path, lines: Lines) -> WeeklyInspection:
    service_log = ServiceLog(data.parent / "logs", lines)
    config = PROJECT_ROOT / "config"
    return WeeklyInspection(config, data, service_log, Interruption(), clock.now, until_signal)


def in_an_hour() -> datetime:
    return clock.now() + timedelta(hours=1)


def test_damage_is_told_and_fails_the_health_until_an_inspection_passes(data: Path) -> None:
    (file,) = map(Path, Lake(data).files("ops.notes"))
    content, lines, history = file.read_bytes(), Lines(), RunHistory(data)
    file.write_bytes(content.replace(b"note", b"mote", 1))

    inspection_of(data, lines).make_if_due(in_an_hour())

    assert f"its file ops/notes/{file.name} is damaged" in lines.said[0]
    assert "verify --quick" in lines.said[0]
    found = health_response(ServiceState(), NOW, damage(history))
    assert (found.http_status, found.body["status"]) == (503, "failed")
    assert file.name in found.body["reason"]

    file.write_bytes(content)
    inspection_of(data, lines).make_if_due(in_an_hour())

    assert lines.said[1:] == ["the weekly inspection found every byte as it was written"]
    assert health_response(ServiceState(), NOW, damage(history)).http_status == 200


@pytest.mark.parametrize(
    ("age", "problems", "is_due"),
    [
        (EVERY - timedelta(minutes=1), (), False),
        (EVERY + timedelta(minutes=1), (), True),
        (timedelta(0), (PROBLEM,), True),
    ],
    ids=["a recent one", "a week old", "damage"],
)
def test_an_inspection_is_due_after_a_week_or_while_there_is_damage(
    data: Path, age: timedelta, problems: tuple[str, ...], is_due: bool
) -> None:
    lines, made_at = Lines(), clock.now() - age
    inspection = Inspection(inspected_at_utc=made_at, problems=problems)
    RunHistory(data).write_inspection(inspection)

    inspection_of(data, lines).make_if_due(until=clock.now() - timedelta(seconds=1))

    ended = [line for line in lines.said if "was ended, because a run is due" in line]
    assert (len(ended) == 1) is is_due
    assert RunHistory(data).inspection() == inspection


def test_nothing_is_looked_at_where_there_is_no_table(tmp_path: Path) -> None:
    lines = Lines()

    inspection_of(tmp_path / "data", lines).make_if_due(in_an_hour())

    assert lines.said == []
    assert not (tmp_path / "data").exists()


def test_several_problems_are_counted_and_the_first_is_told(data: Path) -> None:
    problems = (PROBLEM, PROBLEM, PROBLEM)
    RunHistory(data).write_inspection(Inspection(inspected_at_utc=NOW, problems=problems))

    assert damage(RunHistory(data)) == (
        f"{PROBLEM.splitlines()[0]} (and 2 more); see python run_pipeline.py verify --quick"
    )


def test_an_inspection_that_cannot_be_read_is_no_clean_bill(data: Path) -> None:
    (data / "ops" / "inspection.json").write_text("{")

    assert "inspection.json is not a record" in damage(RunHistory(data))
