from __future__ import annotations

import signal

import pytest

from sentinel_lib.forked_kernels.template_process import ProcessOutput, how_it_ended


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "the kernel ended"),
        (3, "the kernel exited with code 3"),
        (-signal.SIGSEGV, "the kernel was terminated by SIGSEGV"),
        (-signal.SIGKILL, "the kernel was killed (SIGKILL; often the machine ran out of memory)"),
    ],
)
def test_end_of_a_process_is_told_by_its_exit_code(code: int | None, words: str) -> None:
    assert how_it_ended("the kernel", code) == words


def test_what_was_printed_last_is_read_back() -> None:
    output = ProcessOutput()
    output.file.write(b"early" + b"." * 200_000 + b"last words \xff")
    output.file.flush()

    text = output.below("it ended", lambda text: text.replace("words", "[gone]"))

    output.file.close()
    assert text.startswith("it ended\n")
    assert text.endswith("last [gone] \N{REPLACEMENT CHARACTER}")
    assert "early" not in text
