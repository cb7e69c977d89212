"""The command line of Dataflow Sentinel. ``python run_pipeline.py --help`` says what there is."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from sentinel_lib.errors import ExitCode, SentinelError, UsageError, nearest

if TYPE_CHECKING:
    from sentinel_lib.records.stage import RunRecord

COMMANDS = {
    "run": "run the pipeline (what happens if no command is named)",
    "status": "the last run and its assets; exits with its exit code",
    "history": "the runs there were, the newest first",
}
SOURCES = ("simulated", "files", "kraken")
FAIL_ON = ("error", "warn", "never")
EXIT_CODES = """\
exit codes:
  0 ok   1 unexpected   2 usage   3 configuration   4 gate blocked   5 freshness (see --fail-on)
  6 source unavailable   7 locked   8 degraded: some assets held back, the rest promoted
"""
AS_OF_FORMS = "2013-03-02, 2013-03-02T00:00:00Z or 2013-03-02T01:00:00+01:00; without an offset UTC"


class Parser(argparse.ArgumentParser):
    """Raises what is wrong instead of exiting, so that ``--json`` holds for that as well."""

    def error(self, message: str) -> NoReturn:
        """Turn argparse's complaint into ours."""
        raise UsageError(message, next_step="python run_pipeline.py --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_json = "--json" in given
    try:
        options = parse(given)
        commands = {"run": run, "status": status, "history": history}
        return commands[options.command](options, shlex.join(["python", "run_pipeline.py", *given]))
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


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; those common to all commands may stand before or after the command."""
    common, rest = _common_options().parse_known_args(arguments)
    if not rest or (rest[0] not in (*COMMANDS, "-h", "--help")):
        is_word = bool(rest) and not rest[0].startswith("-")
        if is_word:
            raise UsageError(
                f"'{rest[0]}' is not a command{nearest(rest[0], COMMANDS)}",
                expected=f"one of {', '.join(COMMANDS)}",
            )
        rest = ["run", *rest]
    parser, accepted = _parser()
    options, unknown = parser.parse_known_args(rest)
    if unknown:
        words = accepted[rest[0]]
        raise UsageError(
            f"unknown argument '{unknown[0]}'{nearest(unknown[0].split('=')[0], words)}",
            expected=f"options of {rest[0]}: {', '.join(words)}",
        )
    return argparse.Namespace(**{**vars(options), **vars(common)})


def run(options: argparse.Namespace, command: str) -> int:
    """Run the pipeline and say how it ended."""
    from sentinel_lib import pipeline
    from sentinel_lib.pipeline import summary, terminal

    def terminate(_: int, __: FrameType | None) -> None:
        raise pipeline.Terminated

    signal.signal(signal.SIGTERM, terminate)
    asked = pipeline.RunOptions(
        config=options.config,
        data=options.data,
        reports=options.reports,
        as_of=options.as_of,
        assets=options.assets,
        source=_source(options),
        input_path=options.input,
        threads=options.threads,
        fail_on=options.fail_on,
        force=options.force,
        verbose=options.verbose and not options.quiet,
        command=command,
    )
    with terminal.watching(sys.stderr, quiet=options.quiet, verbose=options.verbose) as progress:
        record = pipeline.run(asked, progress)
    _print(summary.run_object(record) if options.json else summary.run_text(record))
    return record.exit_code


def status(options: argparse.Namespace, _: str) -> int:
    """The last run, with its exit code."""
    from sentinel_lib.pipeline import summary

    last = next(iter(_runs(options)), None)
    if last is None:
        words = "no runs yet: python run_pipeline.py run"
        _print({"run_id": None, "status": "none", "exit_code": 0} if options.json else words)
        return ExitCode.OK
    _print(summary.run_object(last) if options.json else summary.run_text(last))
    return last.exit_code


def history(options: argparse.Namespace, _: str) -> int:
    """The newest runs."""
    from sentinel_lib.pipeline import summary

    runs = _runs(options)[: options.limit]
    if options.json:
        _print({"runs": [summary.run_object(one) for one in runs]})
    else:
        _print(summary.history_text(runs) if runs else "no runs yet: python run_pipeline.py run")
    return ExitCode.OK


def _runs(options: argparse.Namespace) -> list[RunRecord]:
    from sentinel_lib import settings
    from sentinel_lib.settings.project import in_project
    from sentinel_lib.storage.run_history import RunHistory

    data = options.data or in_project(settings.load_pipeline(options.config).data)
    return RunHistory(data).runs()


def _parser() -> tuple[Parser, dict[str, list[str]]]:
    """The parser, and the options that each command accepts."""
    parser = Parser(
        prog="run_pipeline.py",
        description="Ingest, validate, promote, aggregate and watch market data.",
        epilog=f"options of a command: run_pipeline.py run --help\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common_options()],
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    added = {}
    for name, words in COMMANDS.items():
        added[name] = commands.add_parser(
            name, help=words, description=words, parents=[_common_options()], allow_abbrev=False,
            epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
    _add_run_options(added["run"])
    add_limit = added["history"].add_argument
    add_limit("--limit", type=_count, default=20, metavar="N", help="how many (20)")
    accepted = {
        name: [flag for action in one._actions for flag in action.option_strings]
        for name, one in added.items()
    }
    return parser, accepted


def _common_options() -> Parser:
    common = Parser(prog="run_pipeline.py", add_help=False, allow_abbrev=False)
    group = common.add_argument_group("common")
    path: dict[str, Any] = {"type": _path, "metavar": "DIR"}
    config = Path(__file__).resolve().parent / "config"
    group.add_argument("--config", default=config, help="configuration (config)", **path)
    group.add_argument("--data", help="tables and records (as pipeline.yaml says)", **path)
    group.add_argument("--reports", help="reports (as pipeline.yaml says)", **path)
    group.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    group.add_argument("--quiet", action="store_true", help="show no progress")
    group.add_argument("-v", "--verbose", action="store_true", help="show cells and the log")
    return common


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--as-of", type=_as_of, metavar="T", help=f"the run's clock (now): {AS_OF_FORMS}")
    add("--assets", type=_symbols, default=(), metavar="A,B", help="only these assets")
    add("--source", choices=SOURCES, help="take every asset from this source")
    add(
        "--input", type=_path, metavar="PATH", help="a file, folder or glob; implies --source files"
    )
    add("--threads", type=_count, metavar="N", help="threads of the engine (all cores)")
    add("--force", action="store_true", help="run every stage even if nothing changed")
    levels = "freshness that fails the run: stale (error), also late (warn), none (never)"
    add("--fail-on", choices=FAIL_ON, default="error", help=levels)


def _source(options: argparse.Namespace) -> Any:
    if options.input is None:
        return options.source
    if options.source not in (None, "files"):
        raise UsageError(
            f"--input reads files, and --source says {options.source}",
            next_step="leave one of them out",
        )
    return "files"


def _as_of(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        found = aware.astimezone(UTC)
    except (ValueError, OverflowError):
        found = None
    if found is None or not 1900 <= found.year <= 2200:
        raise UsageError(f"--as-of '{text}' is not a time", expected=AS_OF_FORMS)
    return found


def _symbols(text: str) -> tuple[str, ...]:
    symbols = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not symbols:
        raise UsageError("--assets names no asset", expected="symbols such as AAPL,BTC-USD")
    return symbols


def _path(text: str) -> Path:
    if "://" in text:
        raise UsageError(f"'{text}' is an address", expected="a path on this machine")
    if not text:
        raise UsageError("a path is empty", expected="a path on this machine")
    return Path(text).expanduser().absolute()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise UsageError(f"'{text}' is not a count", expected="a whole number from 1 on")
    return int(text)


def _print(shown: dict[str, Any] | str) -> None:
    print(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False))


def _fail(code: ExitCode, error: str, is_json: bool) -> int:
    if is_json:
        _print({"status": "failed", "exit_code": int(code), "error": error})
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
