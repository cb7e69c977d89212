"""The command line of Dataflow Sentinel. ``python run_pipeline.py --help`` says what there is."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from sentinel_lib.command_line.parser import parse
from sentinel_lib.command_line.scrubbed_stream import ScrubbedStream
from sentinel_lib.errors import ExitCode, SentinelError

if TYPE_CHECKING:
    from sentinel_lib.settings.secrets import Scrubber


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    out, err = ScrubbedStream(sys.stdout), ScrubbedStream(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            return _answer(given, (out, err))
        finally:
            out.flush()
            # A closed pipe is the reader's choice, as in `... | head`.
            if out.failure and not isinstance(out.failure, BrokenPipeError):
                print(f"standard output could not be written: {out.failure}", file=err)
            err.flush()


def _answer(given: Sequence[str], streams: Sequence[ScrubbedStream]) -> int:
    is_json = "--json" in given
    try:
        options = parse(given)
        from sentinel_lib.settings.secrets import load_scrubber  # --help has ended before this

        scrubber = load_scrubber()
    except SentinelError as failed:
        return _fail(failed.exit_code, str(failed), is_json)
    for stream in streams:
        stream.scrub = scrubber.scrub
    command = shlex.join(["python", "run_pipeline.py", *map(scrubber.scrub, given)])
    return _do(options, command, is_json, scrubber)


def _do(options: argparse.Namespace, command: str, is_json: bool, scrubber: Scrubber) -> int:
    from sentinel_lib.command_line.commands import COMMANDS
    from sentinel_lib.command_line.folders import addressed

    try:
        answer = COMMANDS[options.command](options, command)
        answer.say(is_json=is_json)
        return int(answer.exit_code)
    except SentinelError as failed:
        return _fail(failed.exit_code, addressed(str(failed), options), is_json)
    except KeyboardInterrupt as stop:
        from sentinel_lib.pipeline import interruption

        return _fail(interruption.exit_code(stop), "interrupted", is_json)
    except Exception as failed:  # the last line of defence: one line here, the traceback in the log
        return _fail(ExitCode.UNEXPECTED, _logged(failed, scrubber), is_json)


def _fail(code: ExitCode, error: str, is_json: bool) -> int:
    if is_json:
        shown = {"status": "failed", "exit_code": int(code), "error": error}
        print(json.dumps(shown, ensure_ascii=False))
    print(f"error: {error}", file=sys.stderr)
    return code


def _logged(failed: Exception, scrubber: Scrubber) -> str:
    from sentinel_lib import logger
    from sentinel_lib.settings.project import in_project

    log_file = in_project("logs") / "unexpected.jsonl"
    error = f"{type(failed).__name__}: {failed}"
    with contextlib.suppress(SentinelError):  # a full disk must not hide the first error
        logger.configure(log_file, terminal=False, scrub=scrubber.scrub_tree)
        logger.log().error("the command failed", exc_info=failed)
        return f"unexpected: {error}; details in {log_file}"
    return f"unexpected: {error}; {log_file} could not be written"


def leave(code: int) -> NoReturn:
    """End the process with ``code``; at once where a thread still works that nobody waits for.

    A stopped run leaves one that imports, or makes a page. Python would freeze it, perhaps with the
    lock of all imports in hand, and then wait for that lock itself.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())
