"""Whether another process of this machine still lives."""

import os
from pathlib import Path


def birth_of(pid: int) -> str:
    """When a process began, in a count of the system's own; empty where that is not told.

    Another process may have its number by now, in a container most of all. (psutil gives the time
    by the clock of the wall, which may be set.)
    """
    return _state_and_birth(pid)[1]


def is_gone(pid: int, birth: str = "") -> bool:
    """Whether a process has ended: one that nobody has reaped yet has. Unknown outside POSIX."""
    if os.name != "posix":
        return False
    state, birth_now = _state_and_birth(pid)
    if state in ("Z", "X") or (birth and birth_now and birth != birth_now):
        return True
    try:
        os.kill(pid, 0)
    except OSError as failed:  # if not permitted, it is there, and another user's
        return isinstance(failed, ProcessLookupError)
    return False


def _state_and_birth(pid: int) -> tuple[str, str]:
    """As Linux tells them; two empty texts elsewhere."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    after_name = fields.rpartition(")")[2].split()
    return after_name[0], after_name[19]
