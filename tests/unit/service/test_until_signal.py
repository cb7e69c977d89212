from __future__ import annotations

import os
import signal
import threading
import time

import psutil

from sentinel_lib.pipeline import interruption
from sentinel_lib.service.schedule_loop import until_signal


def test_pause_takes_its_time() -> None:
    with interruption.listening() as stop:
        began = time.monotonic()
        until_signal(0.2, stop)

    assert time.monotonic() - began >= 0.2


def test_signal_ends_the_pause_at_once_even_where_a_run_has_a_grace() -> None:
    timer = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGTERM])

    with interruption.listening(grace_seconds=60) as stop:
        began = time.monotonic()
        timer.start()
        until_signal(60, stop)

    timer.join()
    assert stop.is_to_end
    assert time.monotonic() - began < 30


def test_signal_that_came_before_leaves_no_pause() -> None:
    with interruption.listening(grace_seconds=60) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        began = time.monotonic()
        until_signal(60, stop)

    assert time.monotonic() - began < 30


def test_pause_leaves_no_descriptor_and_the_wakeup_as_it_was() -> None:
    process = psutil.Process()
    before = process.num_fds()

    with interruption.listening() as stop:
        for _ in range(5):
            until_signal(0, stop)

    assert process.num_fds() == before
    assert signal.set_wakeup_fd(-1) == -1
