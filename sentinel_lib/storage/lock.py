"""One writer at a time, and who it is.

The operating system holds the locks: one whose owner dies, however that happens, is free at once.
The files stay; that one is there says nothing. Who only reads takes no lock.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from sentinel_lib.errors import LockedError, StorageError
from sentinel_lib.storage import journal, processes
from sentinel_lib.storage.layout import Layout

POLL_SECONDS = 0.2
STAGE_WAIT_SECONDS = 60.0
"""A kernel whose pipeline was killed notices within about a second; this is ample."""


class Owner(BaseModel, frozen=True):
    """Who holds a lock: a process, what it runs, and since when.

    ``birth`` is that of ``processes.birth_of``.
    """

    pid: int
    host: str
    since_utc: datetime
    run_id: str = ""
    stage: str = ""
    command: str = ""
    birth: str = ""

    def words(self, now: datetime) -> str:
        """``run X, stage validate, pid 7 on HOST, since 2024-01-03T12:00:00Z, 5 minutes``."""
        seconds = int((now - self.since_utc).total_seconds())
        parts = [
            f"run {self.run_id}" if self.run_id else "",
            f"stage {self.stage}" if self.stage else "",
            f"pid {self.pid} on {self.host}",
            f"since {self.since_utc:%Y-%m-%dT%H:%M:%SZ}",
            f"{seconds} seconds" if seconds < 120 else f"{seconds // 60} minutes",
            f"'{self.command}'" if self.command else "",
        ]
        return ", ".join(part for part in parts if part)

    @property
    def is_gone(self) -> bool:
        """Whether the process is known to have ended; of another host's nothing is known."""
        return self.host == socket.gethostname() and processes.is_gone(self.pid, self.birth)


class Lock:
    """The lock ``file``, and beside it, in ``<file>.json``, the owner's name."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.owner_file = file.with_name(f"{file.name}.json")
        # a lock that its owner's death would not free is none: no falling back to mere files
        self._lock = FileLock(
            file, thread_local=False, fallback_to_soft=False, poll_interval=POLL_SECONDS
        )

    @property
    def is_held(self) -> bool:
        """Whether this very object holds it, and the file has not been removed meanwhile."""
        return bool(self._lock.is_locked) and self.file.exists()

    def acquire(self, wait_seconds: float) -> bool:
        """Take it, waiting at most so long (infinity: for ever); whether that succeeded."""
        with self._lockable():
            self.file.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=min(wait_seconds, threading.TIMEOUT_MAX))
            except Timeout:
                return False
        return True

    def sign(self, since: datetime, **what: str) -> None:
        """Say who holds it, and for ``what``: fields of ``Owner``.

        The file is written in place: a killed owner leaves nothing beside.
        """
        pid = os.getpid()
        birth, host = processes.birth_of(pid), socket.gethostname()
        owner = Owner(pid=pid, host=host, since_utc=since, birth=birth, **what)
        with self._lockable():
            self.owner_file.write_text(owner.model_dump_json(), encoding="utf-8")

    def owner(self) -> Owner | None:
        """Who holds it; None where nobody has signed yet, or only one who is gone."""
        try:
            owner = Owner.model_validate_json(self.owner_file.read_bytes())
        except (OSError, ValidationError):  # not there yet, or half written
            return None
        return None if owner.is_gone else owner

    def release(self) -> None:
        """Let the next one have it."""
        with suppress(OSError):  # a name left behind misleads nobody: only an owner's is looked at
            if self._lock.is_locked:
                self.owner_file.unlink(missing_ok=True)
        self._lock.release()

    @contextmanager
    def _lockable(self) -> Iterator[None]:
        try:
            yield
        except OSError as failed:
            raise StorageError(
                f"{self.file} cannot be locked: {failed.strerror or failed}",
                expected="a folder that may be written to, on a file system with locks (flock)",
                next_step="free disk space, fix the permissions, or give another folder by --data",
            ) from failed


class RunLock:
    """The right to write under the data folder ``data``: of one run, or one other command."""

    def __init__(self, data: Path, now: Callable[[], datetime]) -> None:
        self.data = data
        self.now = now
        self.lock = Lock(Layout(data).run_lock)
        self._command = ""
        self._since = now()

    @contextmanager
    def hold(
        self,
        command: str,
        *,
        wait_seconds: float = 0.0,
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> Iterator[None]:
        """Be the only writer within the block; ``on_wait`` hears whom it has to wait for.

        What a killed command has left half done is made whole first. Raises ``LockedError`` if
        another process still is after ``wait_seconds`` (0 does not wait), ``StorageError`` if the
        folder cannot be locked or made whole.
        """
        if not self.lock.acquire(0):
            if wait_seconds:
                on_wait(f"waiting for {self._holder()}")
            if not wait_seconds or not self.lock.acquire(wait_seconds):
                waited = f" after {wait_seconds:g} s of waiting" if wait_seconds else ""
                raise LockedError(
                    f"another run is writing to {self.data}{waited}: {self._holder()}",
                    next_step="--wait waits until it has ended, --wait SECONDS at most that long",
                )
        try:
            self._command, self._since = command, self.now()
            self.lock.sign(self._since, command=command)
            journal.finish(self.data)
            yield
        finally:
            self.lock.release()

    def sign(self, run_id: str) -> None:
        """Say which run holds it. Stages of any other run are refused from then on."""
        self.lock.sign(self._since, run_id=run_id, command=self._command)

    def _holder(self) -> str:
        owner = self.lock.owner()
        return owner.words(self.now()) if owner else "a process that has only just begun"


_entered: list[Lock] = []
"""The stage lock that this process holds: one at most."""


def enter_stage(
    data: Path,
    *,
    run_id: str,
    stage: str,
    now: Callable[[], datetime],
    wait_seconds: float = STAGE_WAIT_SECONDS,
) -> None:
    """Be the one process that writes for a run under ``data``, until this process ends.

    A kernel outlives a killed pipeline by a second or so: the next run's stage waits for its end. A
    process may enter again and again; it is in one folder at a time. Raises ``LockedError`` for a
    stage that comes too late, when another run has begun, or has waited for ``wait_seconds``.
    """
    file = Layout(data).stage_lock
    if not any(lock.file == file and lock.is_held for lock in _entered):
        while _entered:
            _entered.pop().release()
        _entered.append(_acquired_stage_lock(data, now, wait_seconds))
    _entered[0].sign(now(), run_id=run_id, stage=stage)
    owner = writer(data)
    if owner is not None and owner.run_id != run_id:
        raise LockedError(
            f"stage {stage} of run {run_id} comes too late: another run is writing to {data}",
            observed=owner.words(now()),
            next_step="wait for the other run to end, then run the same command again",
        )


@contextmanager
def without_stages(data: Path, now: Callable[[], datetime]) -> Iterator[None]:
    """Wait until no stage of a killed run writes under ``data`` any more, and let none begin.

    For commands other than runs, within their ``RunLock``. Raises ``LockedError`` as
    ``enter_stage`` does.
    """
    lock = _acquired_stage_lock(data, now, STAGE_WAIT_SECONDS)
    try:
        yield
    finally:
        lock.release()


def require_whole(data: Path) -> None:
    """Raise ``StorageError`` if a killed command has left a change of several tables unfinished.

    For who reads. One that is being made at this moment is not an error: it takes milliseconds.
    """
    begun = journal.read(data)
    if begun is not None and writer(data) is None:
        raise StorageError(
            f"{begun.what} was killed half-way: the tables in {data} do not fit together",
            next_step=f"{begun.command} finishes it, as does every command that writes",
        )


def writer(data: Path) -> Owner | None:
    """Who is writing under the data folder ``data``, as far as anybody can tell without a lock."""
    return Lock(Layout(data).run_lock).owner()


def _acquired_stage_lock(data: Path, now: Callable[[], datetime], wait_seconds: float) -> Lock:
    lock = Lock(Layout(data).stage_lock)
    if lock.acquire(wait_seconds):
        return lock
    owner = lock.owner()
    pid = f"process {owner.pid}" if owner else "that process"
    raise LockedError(
        f"a stage of another run is still writing to {data} after {wait_seconds:g} s of waiting",
        observed=owner.words(now()) if owner else "a process that has not said who it is",
        next_step=f"wait for {pid} to end or end it, then run the same command again",
    )
