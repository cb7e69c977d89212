"""The loop of the service: wait until a run is due, make it, see what was missed."""

import select
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile

from sentinel_lib.clock import Clock, iso
from sentinel_lib.errors import ExitCode, LockedError
from sentinel_lib.pipeline import interruption
from sentinel_lib.pipeline.interruption import Interruption
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.service.health import LastRun, ServiceState
from sentinel_lib.service.service_log import ServiceLog
from sentinel_lib.settings.schedule import Schedule

LONGEST_WAIT = timedelta(seconds=30)
"""Between two looks at the clock: it may be set, and stands still while the machine sleeps."""

PUNCTUAL = timedelta(minutes=1)
"""How much later than due is still on time."""

RETRY = timedelta(minutes=1)
"""The pause before a run is tried again that found another one writing."""

MOST_COUNTED = 100

Wait = Callable[[float, Interruption], None]
"""Returns after so many seconds, or as soon as ``is_to_end`` is so; sooner is allowed."""


def until_signal(seconds: float, stop: Interruption) -> None:
    """Sleep; a signal ends it at once. For the main thread.

    ``time.sleep`` would go on after the signal's handler. The handler is asked once more when the
    signal would wake this up already, so none is lost between the look and the sleep.
    """
    hearing, heard = socket.socketpair()
    with hearing, heard:
        heard.setblocking(False)
        before = signal.set_wakeup_fd(heard.fileno(), warn_on_full_buffer=False)
        try:
            if not stop.is_to_end:
                select.select([hearing], [], [], max(0.0, seconds))
        finally:
            signal.set_wakeup_fd(before)


@dataclass(frozen=True)
class ScheduleLoop:
    """``make_run`` makes a run; whatever it raises does not end the service.

    ``meanwhile`` does what is due besides, until a run is.
    """

    schedule: Schedule
    make_run: Callable[[], RunRecord]
    meanwhile: Callable[[datetime], None]
    state: ServiceState
    log: ServiceLog
    stop: Interruption
    now: Clock
    wait: Wait

    def until_stopped(self, settled: datetime) -> ExitCode:
        """Go on until a signal; what was due up to ``settled`` is done.

        The exit code is 0, or says that a run was interrupted.
        """
        while not self.stop.is_to_end:
            due = next(self.schedule.times_after(settled))
            self.state.next_run_at = due
            was_busy = due <= self.now()
            if not was_busy:
                self.meanwhile(due)
                self.log.note(f"next run at {self.schedule.local(due)}", due=iso(due))
                self._wait_until(due)
            if self.stop.is_to_end:
                break
            begun = self.now()
            is_missed = was_busy or begun - due > PUNCTUAL
            if is_missed:
                self._tell_missed(settled, begun)
            if (not is_missed or self._catches_up) and (interrupted := self._run(due)):
                return interrupted
            settled = begun
        return ExitCode.OK

    @property
    def _catches_up(self) -> bool:
        return self.schedule.missed == "run_once"

    def _wait_until(self, moment: datetime) -> None:
        while not self.stop.is_to_end and (left := moment - self.now()) > timedelta(0):
            self.wait(min(left, LONGEST_WAIT).total_seconds(), self.stop)

    def _tell_missed(self, settled: datetime, now: datetime) -> None:
        passed = takewhile(lambda due: due <= now, self.schedule.times_after(settled))
        missed = list(islice(passed, MOST_COUNTED))
        count = f"{MOST_COUNTED} or more" if len(missed) == MOST_COUNTED else str(len(missed))
        since = self.schedule.local(missed[0])
        runs = (
            f"1 run, due at {since}" if count == "1" else f"{count} runs, the first due at {since}"
        )
        outcome = "made up for by one run now" if self._catches_up else "skipped"
        self.log.warn(f"missed: {runs}: {outcome}", since=iso(missed[0]), count=count)

    def _run(self, due: datetime) -> ExitCode:
        """Make the run that is due; 130 or 143 if it was interrupted, else 0.

        Where another run is writing, it is tried again until that has ended, or skipped.
        """
        while not self.stop.is_to_end:
            begun = self.now()
            self.state.next_run_at = next(self.schedule.times_after(begun))
            self.state.running_since = begun
            try:
                record = self.make_run()
            except LockedError as locked:
                self.state.next_run_at = due
                if not self._catches_up:
                    self.log.warn(f"skipped: {locked}")
                    break
                self.log.warn(f"trying again in {RETRY.seconds} s: {locked}")
            except KeyboardInterrupt:  # before it had a plan, so there is no record
                return interruption.exit_code(self.stop.heard)
            except Exception as failed:  # whatever it is, the next run is due all the same
                code = self.log.failed(failed)
                self.state.last_run = LastRun("", "failed", int(code), self.now())
                break
            else:
                self.state.last_run = LastRun.of(record)
                is_interrupted = record.status == "interrupted"
                return ExitCode(record.exit_code) if is_interrupted else ExitCode.OK
            finally:
                self.state.running_since = None
            self._wait_until(self.now() + RETRY)
        return ExitCode.OK
