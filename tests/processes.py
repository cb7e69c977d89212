"""Processes that are looked at from outside, on a machine that may be busy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import psutil

PATIENCE_SECONDS = 30.0


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs. A zombie does not: nobody has waited for it, as an init may be slow to."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def children(pid: int | None = None) -> list[psutil.Process]:
    """The processes that one, or this one, has started and that are alive."""
    return [child for child in psutil.Process(pid).children(recursive=True) if is_alive(child)]


def gone(processes: Iterable[psutil.Process]) -> bool:
    """Whether none of them is alive, or will be in a moment: what is killed takes one to go."""
    watched = list(processes)
    return eventually(lambda: not any(map(is_alive, watched)))


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether ``condition`` holds, or comes to hold within ``seconds``."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
