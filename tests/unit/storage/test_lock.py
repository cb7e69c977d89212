from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from sentinel_lib.errors import LockedError, StorageError
from sentinel_lib.storage.lock import Lock, Owner, RunLock, enter_stage

ROOT = Path(__file__).parents[3]
SINCE = datetime(2024, 1, 3, 12, tzinfo=UTC)
NOW = SINCE + timedelta(minutes=5)
RUN = """
lock = RunLock(data, lambda: since)
with lock.hold("python run_pipeline.py run"):
    lock.sign("run-1")
    print("held", flush=True)
    sys.stdin.read()
"""
STAGE = """
enter_stage(data, run_id="run-1", stage="validate", now=lambda: since)
print("held", flush=True)
sys.stdin.read()
"""
IMPORTS = """
import sys
from datetime import datetime
from pathlib import Path
from sentinel_lib.storage.lock import RunLock, enter_stage
data, since = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
"""

Process = subprocess.Popen[str]
Start = Callable[[str], Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process that holds a lock until its standard input is closed."""
    started: list[Process] = []

    def start(script: str) -> Process:
        process = subprocess.Popen(
            [sys.executable, "-c", IMPORTS + script, str(tmp_path), SINCE.isoformat()],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        with process:  # which closes its pipes and waits for it
            pass


def end(process: Process, signal_number: int) -> None:
    process.send_signal(signal_number)
    process.wait(timeout=10)


def let_go(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()


def run_lock(data: Path) -> RunLock:
    return RunLock(data, lambda: NOW)


def enter(data: Path, run_id: str = "run-2", wait_seconds: float = 0.0) -> None:
    enter_stage(data, run_id=run_id, stage="ingest", now=lambda: NOW, wait_seconds=wait_seconds)


def is_free(file: Path) -> bool:
    lock = Lock(file)
    was_free = lock.acquire(0)
    lock.release()
    return was_free


def test_second_run_is_refused_and_told_who_is_writing_since_when_and_how_to_wait(
    tmp_path: Path, start: Start
) -> None:
    holder = start(RUN)

    with pytest.raises(LockedError) as refused, run_lock(tmp_path).hold("another"):
        pytest.fail("two runs at once")

    assert refused.value.exit_code == 7
    assert refused.value.message == (
        f"another run is writing to {tmp_path}: run run-1, pid {holder.pid} on "
        f"{socket.gethostname()}, since 2024-01-03T12:00:00Z, 5 minutes, "
        "'python run_pipeline.py run'"
    )
    assert "--wait" in str(refused.value.next_step)


def test_lock_of_a_killed_run_is_taken_over_at_once(tmp_path: Path, start: Start) -> None:
    end(start(RUN), signal.SIGKILL)
    lock = run_lock(tmp_path)

    with lock.hold("python run_pipeline.py run"):
        lock.sign("run-2")
        owner = lock.lock.owner()

    assert owner is not None
    assert (owner.run_id, owner.pid, owner.since_utc) == ("run-2", os.getpid(), NOW)


def test_lock_is_free_after_the_block_even_if_that_failed(tmp_path: Path) -> None:
    first = run_lock(tmp_path)  # kept: one that is forgotten is free in any case

    with pytest.raises(ZeroDivisionError), first.hold("first"):
        raise ZeroDivisionError

    with run_lock(tmp_path).hold("second"):
        assert not is_free(tmp_path / "ops" / "run.lock")

    assert is_free(tmp_path / "ops" / "run.lock")
    assert [path.name for path in (tmp_path / "ops").iterdir()] == ["run.lock"]


def test_waiting_run_says_for_whom_and_begins_when_the_other_ends(
    tmp_path: Path, start: Start
) -> None:
    holder = start(RUN)
    heard: list[str] = []

    def hear(words: str) -> None:
        heard.append(words)
        Timer(0.3, let_go, [holder]).start()

    with run_lock(tmp_path).hold("another", wait_seconds=30, on_wait=hear):
        owner = run_lock(tmp_path).lock.owner()

    assert owner is not None
    assert owner.command == "another"
    assert [words[:25] for words in heard] == ["waiting for run run-1, pi"]


def test_run_that_waited_long_enough_is_refused(tmp_path: Path, start: Start) -> None:
    start(RUN)

    with (
        pytest.raises(LockedError, match=r"after 0\.3 s of waiting: run run-1"),
        run_lock(tmp_path).hold("another", wait_seconds=0.3),
    ):
        pytest.fail("two runs at once")


@pytest.mark.parametrize("text", [None, '{"pid": 7', "dead"])
def test_owner_who_has_not_signed_or_is_gone_is_not_named(
    tmp_path: Path, start: Start, text: str | None
) -> None:
    dead = start(RUN)
    end(dead, signal.SIGKILL)
    holder = run_lock(tmp_path).lock
    holder.acquire(0)
    if text is None:
        holder.owner_file.unlink()
    elif text != "dead":
        holder.owner_file.write_text(text)

    with (
        pytest.raises(LockedError, match="a process that has only just begun"),
        run_lock(tmp_path).hold("another"),
    ):
        pytest.fail("two runs at once")

    holder.release()


def test_owner_on_another_host_is_never_taken_for_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass

    owner = Owner(pid=ended.pid, host="elsewhere", since_utc=SINCE)

    assert not owner.is_gone
    assert owner.model_copy(update={"host": socket.gethostname()}).is_gone


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux tells when a process began")
def test_owner_whose_number_another_process_has_by_now_is_gone(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "run.lock")
    lock.sign(SINCE)
    [owner] = filter(None, [lock.owner()])

    assert not owner.is_gone
    assert owner.model_copy(update={"birth": "1"}).is_gone


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux tells who is a zombie")
def test_owner_who_has_ended_and_was_not_reaped_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        owner = Owner(pid=ended.pid, host=socket.gethostname(), since_utc=SINCE)

        assert owner.is_gone


def test_age_of_less_than_two_minutes_is_in_seconds() -> None:
    owner = Owner(pid=7, host="here", since_utc=SINCE, stage="validate")

    words = owner.words(SINCE + timedelta(seconds=119))

    assert words == "stage validate, pid 7 on here, since 2024-01-03T12:00:00Z, 119 seconds"


def test_folder_that_cannot_be_written_to_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "ops").write_text("a file where the folder should be")

    with (
        pytest.raises(StorageError, match=r"run\.lock cannot be locked: ") as refused,
        run_lock(tmp_path).hold("first"),
    ):
        pytest.fail("held without a file")

    assert "--data" in str(refused.value.next_step)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_system_without_locks_is_a_clear_error_and_not_a_weaker_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)

    with (
        pytest.raises(StorageError, match=os.strerror(number)) as refused,
        run_lock(tmp_path).hold("first"),
    ):
        pytest.fail("held without a lock")

    assert "flock" in str(refused.value.expected)


def test_stage_waits_for_the_end_of_a_process_whose_run_is_gone(
    tmp_path: Path, start: Start
) -> None:
    orphan = start(STAGE)
    Timer(0.3, end, [orphan, signal.SIGKILL]).start()

    enter(tmp_path, wait_seconds=30)

    assert not is_free(tmp_path / "ops" / "stage.lock")


def test_stage_that_waited_long_enough_is_refused_and_told_what_to_end(
    tmp_path: Path, start: Start
) -> None:
    orphan = start(STAGE)

    with pytest.raises(LockedError, match=r"after 0\.3 s of waiting") as refused:
        enter(tmp_path, wait_seconds=0.3)

    assert f"run run-1, stage validate, pid {orphan.pid}" in str(refused.value.observed)
    assert f"process {orphan.pid}" in str(refused.value.next_step)


def test_process_may_enter_again_and_holds_one_folder_at_a_time(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    enter(first, "run-1")
    enter(first, "run-2")
    was_free = is_free(first / "ops" / "stage.lock")
    enter(second)

    assert not was_free
    assert is_free(first / "ops" / "stage.lock")
    assert not is_free(second / "ops" / "stage.lock")


def test_process_may_enter_again_after_the_folder_was_removed(tmp_path: Path) -> None:
    enter(tmp_path / "data")
    shutil.rmtree(tmp_path / "data")

    enter(tmp_path / "data")

    assert not is_free(tmp_path / "data" / "ops" / "stage.lock")


def test_stage_that_comes_when_another_run_has_begun_is_refused(
    tmp_path: Path, start: Start
) -> None:
    start(RUN)

    enter(tmp_path, "run-1")
    with pytest.raises(LockedError, match="stage ingest of run run-0 comes too late") as refused:
        enter(tmp_path, "run-0")

    assert "run run-1" in str(refused.value.observed)


def test_stage_is_not_refused_for_a_run_that_was_killed(tmp_path: Path, start: Start) -> None:
    end(start(RUN), signal.SIGKILL)

    enter(tmp_path, "run-2")

    assert not is_free(tmp_path / "ops" / "stage.lock")
