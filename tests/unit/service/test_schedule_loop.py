"""The loop on a clock that only waiting and running move."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from sentinel_lib.errors import ConfigError, LockedError, StorageError
from sentinel_lib.pipeline.interruption import Interruption, Terminated
from sentinel_lib.pipeline.progress import Progress
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.service.health import ServiceState
from sentinel_lib.service.schedule_loop import ScheduleLoop
from sentinel_lib.service.service_log import ServiceLog
from sentinel_lib.settings.schedule import Schedule

NOON = datetime(2024, 3, 6, 12, 0, tzinfo=UTC)


class Lines(Progress):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def waiting(self, message: str) -> None:
        self.said.append(message)


class World:
    """A clock, and runs that take ``seconds`` and end as ``ends`` says, one after the other.

    SIGTERM comes at ``end``, while the service waits.
    """

    def __init__(self, folder: Path, begin: datetime, end: datetime) -> None:
        self.moment, self.end = begin, end
        self.stop = Interruption()
        self.state = ServiceState()
        self.lines = Lines()
        self.log = ServiceLog(folder, self.lines)
        self.seconds: list[float] = []
        self.ends: list[Exception | KeyboardInterrupt | int] = []
        self.begun: list[datetime] = []
        self.look: Callable[[], None] = lambda: None
        self.looked_after: list[datetime] = []
        self.naps = 0

    def loop(self, **schedule: str) -> ScheduleLoop:
        asked = Schedule.model_validate({"health": None, **schedule})
        return ScheduleLoop(
            schedule=asked,
            make_run=self._run,
            meanwhile=self.looked_after.append,
            state=self.state,
            log=self.log,
            stop=self.stop,
            now=lambda: self.moment,
            wait=self._wait,
        )

    def starts(self) -> list[str]:
        """When runs began."""
        return [f"{moment:%m-%dT%H:%M:%S}" for moment in self.begun]

    def said(self, words: str) -> list[str]:
        """The lines that have ``words`` in them."""
        return [line for line in self.lines.said if words in line]

    def _wait(self, seconds: float, stop: Interruption) -> None:
        self.naps += 1
        self.moment += timedelta(seconds=seconds)
        if self.moment >= self.end:
            stop.hear(signal.SIGTERM, None)

    def _run(self) -> RunRecord:
        begun = self.moment
        self.begun.append(begun)
        self.look()
        self.moment += timedelta(seconds=self.seconds.pop(0) if self.seconds else 1)
        end = self.ends.pop(0) if self.ends else 0
        if isinstance(end, BaseException):
            raise end
        return RunRecord(
            run_id=f"run-{len(self.begun)}",
            as_of=begun,
            started_at_utc=begun,
            finished_at_utc=self.moment,
            status={0: "ok", 143: "interrupted"}.get(end, "failed"),
            exit_code=end,
        )


@pytest.fixture(autouse=True)
def log_reset() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, NOON, NOON + timedelta(hours=1))


def test_run_begins_when_it_is_due_and_sigterm_while_waiting_ends_with_0(world: World) -> None:
    code = world.loop(cron="*/20 * * * *").until_stopped(NOON)

    assert code == 0
    assert world.starts() == ["03-06T12:20:00", "03-06T12:40:00"]
    assert world.lines.said == [
        "next run at 2024-03-06 12:20 UTC",
        "next run at 2024-03-06 12:40 UTC",
        "next run at 2024-03-06 13:00 UTC",
    ]


@pytest.mark.parametrize(
    ("begin", "starts"),
    [
        (datetime(2024, 3, 30, 20, tzinfo=UTC), ["03-31T01:00:00", "04-01T00:30:00"]),
        (datetime(2024, 10, 26, 20, tzinfo=UTC), ["10-27T00:30:00", "10-28T01:30:00"]),
    ],
)
def test_night_in_which_the_clocks_change_has_one_run(
    tmp_path: Path, begin: datetime, starts: list[str]
) -> None:
    world = World(tmp_path, begin, begin + timedelta(hours=36))

    world.loop(cron="30 2 * * *", timezone="Europe/Berlin").until_stopped(begin)

    assert world.starts() == starts


def test_times_that_passed_before_the_start_are_made_up_for_by_one_run(world: World) -> None:
    last = NOON - timedelta(days=2)

    world.loop(cron="30 9 * * *").until_stopped(last)

    assert world.starts() == ["03-06T12:00:00"]
    assert world.said("missed") == [
        "warning: missed: 2 runs, the first due at 2024-03-05 09:30 UTC: made up for by one run now"
    ]


def test_times_that_passed_before_the_start_are_skipped_where_that_is_configured(
    world: World,
) -> None:
    last = NOON - timedelta(hours=12)

    world.loop(cron="30 9,12 * * *", missed="skip").until_stopped(last)

    assert world.starts() == ["03-06T12:30:00"]
    assert world.said("missed") == ["warning: missed: 1 run, due at 2024-03-06 09:30 UTC: skipped"]


def test_run_that_outlasts_its_interval_is_followed_by_one_and_not_by_three(world: World) -> None:
    world.seconds = [215]
    world.end = NOON + timedelta(minutes=6)

    world.loop(cron="* * * * *").until_stopped(NOON)

    assert world.starts() == ["03-06T12:01:00", "03-06T12:04:35", "03-06T12:05:00"]
    assert world.said("missed") == [
        "warning: missed: 3 runs, the first due at 2024-03-06 12:02 UTC: made up for by one run now"
    ]


def test_times_within_a_long_run_are_skipped_where_that_is_configured(world: World) -> None:
    world.seconds = [215]
    world.end = NOON + timedelta(minutes=6)

    world.loop(cron="* * * * *", missed="skip").until_stopped(NOON)

    assert world.starts() == ["03-06T12:01:00", "03-06T12:05:00"]


@pytest.mark.parametrize(("missed", "runs"), [("run_once", 1), ("skip", 0)])
def test_machine_that_slept_through_is_noticed_when_it_wakes(
    world: World, missed: str, runs: int
) -> None:
    loop = world.loop(cron="20,40 12 * * *", missed=missed)
    world.end = NOON + timedelta(hours=2)
    nap = world._wait

    def sleep_through(seconds: float, stop: Interruption) -> None:
        nap(5400 if world.naps == 3 else seconds, stop)

    replace(loop, wait=sleep_through).until_stopped(NOON)

    assert len(world.begun) == runs
    assert len(world.said("missed: 2 runs, the first due at 2024-03-06 12:20 UTC")) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("pipeline.yaml:3: threads: must be 1 or more"), 3),
        (StorageError("run.json could not be written"), 1),
        (ZeroDivisionError("a bug"), 1),
    ],
)
def test_run_that_cannot_be_made_is_logged_and_the_next_one_comes(
    tmp_path: Path, world: World, error: Exception, code: int
) -> None:
    world.ends = [error]
    failures = []
    world.look = lambda: failures.append(world.state.last_run)

    ended = world.loop(cron="*/20 * * * *").until_stopped(NOON)

    assert ended == 0
    assert world.starts() == ["03-06T12:20:00", "03-06T12:40:00"]
    assert len(world.said(f"{error}")) == 1
    first = failures[1]
    assert first is not None
    assert (first.run_id, first.exit_code) == ("", code)
    assert world.state.last_run is not None
    assert world.state.last_run.run_id == "run-2"
    log = (tmp_path / "service.jsonl").read_text().splitlines()
    logged = next(found for line in log if (found := json.loads(line))["level"] == "error")
    assert logged["exit_code"] == code
    assert f"{type(error).__name__}: {error}" in logged["exception"]


def test_run_that_finds_another_one_writing_is_tried_again_every_minute(world: World) -> None:
    world.ends = [LockedError("another run is writing")] * 2
    dues = []
    world.look = lambda: dues.append(world.state.next_run_at)

    world.loop(cron="20 * * * *").until_stopped(NOON)

    assert world.starts() == ["03-06T12:20:00", "03-06T12:21:01", "03-06T12:22:02"]
    assert len(world.said("trying again in 60 s: another run is writing")) == 2
    assert dues == [NOON + timedelta(minutes=80)] * 3


def test_run_that_finds_another_one_writing_is_skipped_where_that_is_configured(
    world: World,
) -> None:
    world.ends = [LockedError("another run is writing")]

    world.loop(cron="*/20 * * * *", missed="skip").until_stopped(NOON)

    assert world.starts() == ["03-06T12:20:00", "03-06T12:40:00"]
    assert world.said("skipped: another run is writing") != []


def test_sigterm_in_a_run_that_ends_by_itself_ends_the_service_with_0(world: World) -> None:
    world.look = lambda: world.stop.hear(signal.SIGTERM, None)

    code = world.loop(cron="*/20 * * * *").until_stopped(NOON)

    assert code == 0
    assert len(world.begun) == 1


@pytest.mark.parametrize("end", [143, Terminated()])
def test_run_that_was_interrupted_ends_the_service_with_its_exit_code(
    world: World, end: int | KeyboardInterrupt
) -> None:
    world.look = lambda: world.stop.hear(signal.SIGTERM, None)
    world.ends = [end]

    code = world.loop(cron="*/20 * * * *").until_stopped(NOON)

    assert code == 143
    assert len(world.begun) == 1
    assert world.state.running_since is None


def test_state_shows_what_runs_and_what_comes_next(world: World) -> None:
    seen = []
    world.look = lambda: seen.append((world.state.running_since, world.state.next_run_at))

    world.loop(cron="*/20 * * * *").until_stopped(NOON)

    first = NOON + timedelta(minutes=20)
    assert seen[0] == (first, first + timedelta(minutes=20))
    assert world.state.running_since is None
    assert world.state.next_run_at == NOON + timedelta(hours=1)


def test_clock_is_looked_at_every_half_minute(world: World) -> None:
    world.end = NOON + timedelta(minutes=10)

    world.loop(cron="20 * * * *").until_stopped(NOON)

    assert world.naps == 20
