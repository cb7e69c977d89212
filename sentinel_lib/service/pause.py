"""Doing nothing until it is time, or a signal comes."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Callable

from sentinel_lib.pipeline.interruption import Interruption

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
