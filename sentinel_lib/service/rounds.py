"""Round after round: wait until a run is due, make it, look what was missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile

from sentinel_lib.clock import Clock, iso
from sentinel_lib.errors import ExitCode, LockedError
from sentinel_lib.pipeline import interruption
from sentinel_lib.pipeline.interruption import Interruption
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.service.health import Board, LastRun
from sentinel_lib.service.journal import Journal
from sentinel_lib.service.pause import Wait
from sentinel_lib.settings.schedule import Schedule

LONGEST_WAIT = timedelta(seconds=30)
"""Between two looks at the clock: it may be set, and stands still while the machine sleeps."""

PUNCTUAL = timedelta(minutes=1)
"""How much later than due is still on time."""

RETRY = timedelta(minutes=1)
"""The pause before a run is tried again that found another one writing."""

MOST_COUNTED = 100


@dataclass(frozen=True)
class Rounds:
    """The rounds of one service. ``make_run`` makes a run; whatever it raises ends no service.

    ``look_after`` does what is due besides, until a run is.
    """

    schedule: Schedule
    make_run: Callable[[], RunRecord]
    look_after: Callable[[datetime], None]
    board: Board
    journal: Journal
    stop: Interruption
    now: Clock
    wait: Wait

    def until_stopped(self, settled: datetime) -> ExitCode:
        """Go on until a signal; what was due up to ``settled`` is done.

        The exit code is 0, or says that a run was interrupted.
        """
        while not self.stop.is_to_end:
            due = next(self.schedule.times_after(settled))
            self.board.next_run_at = due
            was_busy = due <= self.now()
            if not was_busy:
                self.look_after(due)
                self.journal.note(f"next run at {self.schedule.local(due)}", due=iso(due))
                self._wait_until(due)
            if self.stop.is_to_end:
                break
            begun = self.now()
            is_missed = was_busy or begun - due > PUNCTUAL
            if is_missed:
                self._tell_missed(settled, begun)
            if not is_missed or self._catches_up:
                interrupted = self._take_turn(due)
                if interrupted:
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
        is_one = len(missed) == 1
        what = f"1 run, due at {since}" if is_one else f"{count} runs, due from {since} on"
        then = "made up for by one now" if self._catches_up else "skipped"
        self.journal.warn(f"missed: {what}: {then}", since=iso(missed[0]), count=count)

    def _take_turn(self, due: datetime) -> ExitCode:
        """Make the run that is due; 130 or 143 if it was interrupted, else 0.

        Where somebody else is writing it is tried again until they have finished, or skipped.
        """
        while not self.stop.is_to_end:
            begun = self.now()
            self.board.next_run_at = next(self.schedule.times_after(begun))
            self.board.running_since = begun
            try:
                record = self.make_run()
            except LockedError as locked:
                self.board.next_run_at = due
                if not self._catches_up:
                    self.journal.warn(f"skipped: {locked}")
                    break
                self.journal.warn(f"tried again in {RETRY.seconds} s: {locked}")
            except KeyboardInterrupt:  # before it had a plan, so there is no record
                return interruption.exit_code(self.stop.heard)
            except Exception as failed:  # whatever it is, the next run is due all the same
                code = self.journal.failed(failed)
                self.board.last_run = LastRun("", "failed", int(code), self.now())
                break
            else:
                self.board.last_run = LastRun.of(record)
                is_interrupted = record.status == "interrupted"
                return ExitCode(record.exit_code) if is_interrupted else ExitCode.OK
            finally:
                self.board.running_since = None
            self._wait_until(self.now() + RETRY)
        return ExitCode.OK
