from __future__ import annotations

import os
import subprocess
import sys

from sentinel_lib.storage.processes import birth_of, is_gone


def test_this_process_lives_and_knows_its_birth() -> None:
    assert not is_gone(os.getpid(), birth_of(os.getpid()))


def test_a_process_that_has_ended_is_gone_before_it_is_reaped() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert is_gone(process.pid)
    process.wait()
    assert is_gone(process.pid)


def test_another_process_of_the_same_number_is_not_the_one_that_was_meant() -> None:
    assert is_gone(os.getpid(), birth="1")
