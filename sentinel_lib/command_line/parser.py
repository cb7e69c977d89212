"""What can be asked. Nothing heavy is imported here: ``--help`` answers at once."""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sentinel_lib.clock import AS_OF_FORMS, parse_as_of
from sentinel_lib.errors import UsageError, nearest
from sentinel_lib.settings.project import PROJECT_ROOT

COMMANDS = {
    "run": "run the pipeline (what happens if no command is named)",
    "inspect": "how files would be read, and what their bars tell; runs and writes nothing",
    "status": "the last run and its assets; exits with its code, or 1 if killed or overdue",
    "serve": "run the pipeline on the schedule of pipeline.yaml, until SIGTERM or Ctrl-C",
    "resume": "resume a run that failed, at the stage that did, with the same --as-of",
    "history": "all runs, the newest first",
    "notify": "tell people how a run ended, through the services in NOTIFY_URLS",
    "replay": "judge quarantined rows again, by the rules and configuration of today",
    "verify": "rebuild a run from the archive and compare; exit code 4 if anything differs",
    "upgrade": "rebuild the tables that an earlier release wrote, and say what differs",
    "diff": "what changed from one run to another: rows, and each asset's metrics",
    "rollback": "restore Silver and Gold as a run had published them; nothing is deleted",
    "vacuum": "remove table files that no run of the last days needs",
}
_A_RUN = "a run, or the beginning of its id"
_HELP = "python run_pipeline.py --help"
EXIT_CODES = """\
exit codes:
  0 ok   1 unexpected   2 usage   3 configuration   4 gate blocked   5 freshness (see --fail-on)
  6 source unavailable   7 locked   8 degraded: some assets held back, the rest promoted
"""


class Parser(argparse.ArgumentParser):
    """Raises what is wrong instead of exiting, so that ``--json`` holds for that as well."""

    def __init__(self, **settings: Any) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, formatter_class=formatter, **settings)

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError`` with argparse's message."""
        raise UsageError(message, next_step=_HELP)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; those common to all commands may stand before or after the command.

    Raises ``UsageError`` for whatever cannot be asked.
    """
    common, rest = _common_options().parse_known_args(arguments)
    if not rest or (rest[0] not in (*COMMANDS, "-h", "--help")):
        if rest and not rest[0].startswith("-"):
            raise UsageError(
                f"'{rest[0]}' is not a command{nearest(rest[0], COMMANDS)}",
                expected=f"one of {', '.join(COMMANDS)}",
                next_step=_HELP,
            )
        rest = ["run", *rest]
    parser, commands = _parser()
    options, unknown = parser.parse_known_args(rest)
    if unknown:
        flags = list(commands[rest[0]]._option_string_actions)
        raise UsageError(
            f"unknown argument '{unknown[0]}'{nearest(unknown[0].split('=')[0], flags)}",
            expected=f"options of {rest[0]}: {', '.join(flags)}",
            next_step=_HELP,
        )
    options = argparse.Namespace(**vars(options) | vars(common))
    options.verbose &= not options.quiet
    if options.command == "run" and options.input_path:
        if options.source not in (None, "files"):
            raise UsageError(
                f"--input reads files, and --source says {options.source}",
                next_step="leave one of them out",
            )
        options.source = "files"
    return options


def _parser() -> tuple[Parser, dict[str, Parser]]:
    """The parser, and that of each command."""
    parser = Parser(
        prog="run_pipeline.py",
        description="Ingest, validate, promote, aggregate and watch market data.",
        epilog=f"options of a command: run_pipeline.py run --help\n\n{EXIT_CODES}",
        parents=[_common_options()],
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, purpose in COMMANDS.items():
        about: dict[str, Any] = {"help": purpose, "description": purpose, "epilog": EXIT_CODES}
        commands.add_parser(name, parents=[_common_options()], **about)
    added = commands.choices
    _add_shared_options(added)
    _add_run_options(added["run"])
    _add_other_options(added)
    return parser, added


def _common_options() -> Parser:
    common = Parser(prog="run_pipeline.py", add_help=False)
    group = common.add_argument_group("common")
    path: dict[str, Any] = {"type": _path, "metavar": "DIR"}
    config = PROJECT_ROOT / "config"
    group.add_argument("--config", default=config, help="configuration (config)", **path)
    group.add_argument("--data", help="tables and records (as pipeline.yaml says)", **path)
    group.add_argument("--reports", help="reports (as pipeline.yaml says)", **path)
    group.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    group.add_argument("--quiet", action="store_true", help="show no progress")
    group.add_argument("-v", "--verbose", action="store_true", help="show cells and the log")
    return common


def _add_shared_options(added: Mapping[str, argparse.ArgumentParser]) -> None:
    """The options that several commands have."""
    for name in ("resume", "notify", "verify"):
        added[name].add_argument("run", nargs="?", metavar="RUN", help=f"{_A_RUN} (the last)")
    for name in ("run", "replay", "status"):
        default = "now" if name == "run" else "that of the last run"
        as_of = f"the clock ({default}): {AS_OF_FORMS}"
        added[name].add_argument("--as-of", type=parse_as_of, metavar="T", help=as_of)
    future = "let --as-of lie more than a day ahead of the clock: later runs must then lie later"
    for name in ("run", "replay"):
        add = added[name].add_argument
        add("--future", action="store_true", help=future)
        add("--assets", type=_symbols, default=(), metavar="A,B", help="only these assets")
    no_fork = "start every kernel anew instead of forking it from a warm process"
    for name in ("run", "serve", "resume", "replay"):
        added[name].add_argument("--no-fork", dest="fork", action="store_false", help=no_fork)
    for name in ("run", "resume", "replay", "verify", "upgrade", "rollback", "vacuum"):
        added[name].add_argument(
            "--wait", dest="wait_seconds", type=_count, nargs="?", const=math.inf, default=0,
            metavar="SECONDS",
            help="wait for another run to end (as long as it takes), instead of exit code 7",
        )  # fmt: skip


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--source", metavar="NAME", help="take every asset from this source")
    files = "a file, folder or glob; implies --source files"
    add("--input", dest="input_path", type=_path, metavar="PATH", help=files)
    add("--threads", type=_count, metavar="N", help="threads of the engine (all cores)")
    add("--force", action="store_true", help="run every stage even if nothing changed")
    add("--from", dest="from_stage", default="", metavar="STAGE", help="run it and all after it")
    add("--only", dest="only_stage", default="", metavar="STAGE", help="run it and no other")
    levels = "freshness that fails the run: stale (error), also late (warn), none (never)"
    add("--fail-on", choices=("error", "warn", "never"), default="error", help=levels)


def _add_other_options(added: Mapping[str, argparse.ArgumentParser]) -> None:
    added["replay"].set_defaults(kind="replay", fail_on="never")
    dry_run = "change nothing, show what would change"
    added["replay"].add_argument("--dry-run", action="store_true", help=dry_run)
    files = "a file, folder or glob"
    added["inspect"].add_argument("input_path", type=_path, metavar="PATH", help=files)
    add = added["status"].add_argument
    add("--why", default="", metavar="STAGE", help="why the stage would run, or be skipped")
    health = "whether the last run went well and none is overdue: exit code 0 or 1"
    add("--health", action="store_true", help=health)
    markdown = "the same as GitHub's Markdown, for the summary of a job"
    add("--markdown", action="store_true", help=markdown)
    add = added["history"].add_argument
    add("--limit", type=_count, default=20, metavar="N", help="how many (20)")
    add = added["notify"].add_argument
    add("--around", default="", metavar="TEXT", help="what went wrong outside the run")
    add("--link", default="", metavar="URL", help="where to read on, beside the report")
    add = added["verify"].add_argument
    quick = "rebuild nothing: compare files and payloads with their checksums, fetch lost ones"
    add("--quick", action="store_true", help=quick)
    from_start = "make every run again, also those that were verified before"
    add("--from-start", action="store_true", help=from_start)
    repair = "replace damaged tables, and those that differ, by rebuilt ones"
    add("--repair", action="store_true", help=repair)
    for run in ("run_a", "run_b"):
        added["diff"].add_argument(run, metavar=run.upper(), help=_A_RUN)
    added["rollback"].add_argument("run", metavar="RUN", help=_A_RUN)
    keep = "what is younger stays: 30d, 12h, 4w (30d)"
    added["vacuum"].add_argument("--keep", default="30d", metavar="TIME", help=keep)


def _symbols(text: str) -> tuple[str, ...]:
    symbols = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not symbols:
        raise UsageError(
            "--assets names no asset",
            expected="symbols such as AAPL,BTC-USD",
            next_step="name some, or leave it out for all",
        )
    return symbols


def _path(text: str) -> Path:
    if "://" in text or not text:
        problem = f"'{text}' is an address" if text else "a path is empty"
        raise UsageError(problem, expected="a path on this machine", next_step=_HELP)
    return Path(text).expanduser().absolute()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise UsageError(
            f"'{text}' is not a count", expected="a whole number from 1 on", next_step=_HELP
        )
    return int(text)
