"""The command line of Dataflow Sentinel. ``python run_pipeline.py --help`` says what there is."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence

from sentinel_lib.command_line import commands
from sentinel_lib.command_line.parser import parse
from sentinel_lib.errors import ExitCode, SentinelError


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_json = "--json" in given
    try:
        options = parse(given)
        command = shlex.join(["python", "run_pipeline.py", *given])
        do = getattr(commands, options.command)
        return int(do(options, command))
    except SentinelError as failed:
        return _fail(failed.exit_code, str(failed), is_json)
    except KeyboardInterrupt as stop:
        from sentinel_lib.pipeline import interruption

        return _fail(interruption.exit_code(stop), "interrupted", is_json)
    except BrokenPipeError:  # the reader of standard output has had enough, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as failed:  # the last line of defence: one line here, the traceback in the log
        return _fail(ExitCode.UNEXPECTED, _logged(failed), is_json)


def _fail(code: ExitCode, error: str, is_json: bool) -> int:
    if is_json:
        commands.say({"status": "failed", "exit_code": int(code), "error": error})
    print(f"error: {error}", file=sys.stderr)
    return code


def _logged(failed: Exception) -> str:
    from sentinel_lib import logger
    from sentinel_lib.settings.project import in_project

    log_file = in_project("logs") / "unexpected.jsonl"
    words = f"{type(failed).__name__}: {failed}"
    with contextlib.suppress(SentinelError):  # a full disk must not hide the first error
        logger.configure(log_file, terminal=False)
        logger.log().error("the command failed", exc_info=failed)
        return f"unexpected: {words}; details in {log_file}"
    return f"unexpected: {words}; {log_file} could not be written"


if __name__ == "__main__":
    sys.exit(main())
