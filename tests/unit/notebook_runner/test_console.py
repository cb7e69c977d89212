from __future__ import annotations

import signal

import pytest

from sentinel_lib.forked_kernels.console import Console, ending


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "the kernel ended"),
        (3, "the kernel exited with code 3"),
        (-signal.SIGSEGV, "the kernel died of SIGSEGV"),
        (-signal.SIGKILL, "the kernel was killed (SIGKILL; often the machine ran out of memory)"),
    ],
)
def test_end_of_a_process_is_told_by_its_exit_code(code: int | None, words: str) -> None:
    assert ending("the kernel", code) == words


def test_what_was_printed_last_is_read_back() -> None:
    console = Console()
    console.file.write(b"early" + b"." * 200_000 + b"last words \xff")
    console.file.flush()

    printed = console.printed()

    console.close()
    assert printed.endswith("last words \N{REPLACEMENT CHARACTER}")
    assert "early" not in printed
