from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from sentinel_lib.pipeline import interruption
from sentinel_lib.pipeline.interruption import Terminated


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [(signal.SIGINT, KeyboardInterrupt, 130), (signal.SIGTERM, Terminated, 143)],
)
def test_signal_leaves_a_block_that_allows_it(number: int, kind: type, code: int) -> None:
    with interruption.listening() as stop, pytest.raises(kind), stop.allowed():
        send(number)

    assert interruption.exit_code(stop.heard) == code


def test_signal_elsewhere_is_kept_for_the_next_block_that_allows_it() -> None:
    reached = []

    with interruption.listening() as stop:
        send(signal.SIGTERM)
        reached.append("the end of what must not be disturbed")
        with pytest.raises(Terminated), stop.allowed():
            reached.append("never")

    assert reached == ["the end of what must not be disturbed"]


@pytest.mark.parametrize("times", [1, 3])
def test_signal_that_comes_while_an_object_is_finalised_is_not_lost(times: int) -> None:
    class Finalised:
        def __del__(self) -> None:
            send(signal.SIGTERM)
            time.sleep(0)

    def finalise_several() -> None:
        for _ in range(times):
            Finalised()
        time.sleep(20)

    with interruption.listening() as stop, pytest.raises(Terminated), stop.allowed():
        finalise_several()

    assert interruption.exit_code(stop.heard) == 143


def test_second_signal_does_not_disturb_the_ending() -> None:
    with interruption.listening() as stop:
        with pytest.raises(KeyboardInterrupt), stop.allowed():
            send(signal.SIGINT)
        send(signal.SIGTERM)

    assert interruption.exit_code(stop.heard) == 130


def test_sigterm_leaves_a_run_its_grace_and_stops_it_then() -> None:
    started = time.monotonic()

    with interruption.listening(grace_seconds=0.2) as stop:
        send(signal.SIGTERM)
        assert stop.is_to_end
        assert stop.heard is None
        with pytest.raises(Terminated), stop.allowed():
            time.sleep(30)

    assert 0.2 <= time.monotonic() - started < 10


def test_run_that_ends_within_its_grace_is_not_stopped() -> None:
    with interruption.listening(grace_seconds=60) as stop, stop.allowed():
        send(signal.SIGTERM)

    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert stop.is_to_end
    assert stop.heard is None


def test_handlers_are_as_before_afterwards_and_other_threads_hear_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def listen() -> None:
        with interruption.listening():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    with interruption.listening():
        seen.append(signal.getsignal(signal.SIGTERM))

    assert seen[0] == before != seen[1]
    assert signal.getsignal(signal.SIGTERM) == before
