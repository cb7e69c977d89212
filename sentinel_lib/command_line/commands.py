"""One function per command: does it, says what came of it, and gives the exit code."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_lib.command_line.addressing import addressed
from sentinel_lib.errors import ExitCode, SentinelError, UsageError

if TYPE_CHECKING:
    from sentinel_lib.records.stage import RunRecord


def run(options: argparse.Namespace, command: str) -> int:
    """Run the pipeline and say how it ended."""
    from sentinel_lib.pipeline import summary

    asked = {
        "as_of": options.as_of,
        "future": options.future,
        "assets": options.assets,
        "source": _source(options),
        "input_path": options.input,
        "threads": options.threads,
        "fail_on": options.fail_on,
        "force": options.force,
        "from_stage": options.from_stage,
        "only_stage": options.only_stage,
    }
    record = _run_pipeline(options, command, **asked)
    say(summary.run_object(record) if options.json else summary.run_text(record))
    return record.exit_code


def serve(options: argparse.Namespace, command: str) -> int:
    """Run the pipeline on schedule, in this process, until it is told to end."""
    from sentinel_lib import pipeline, service
    from sentinel_lib.pipeline.terminal import PlainLines

    asked = pipeline.RunOptions(
        config=options.config,
        data=options.data,
        reports=options.reports,
        fork=options.fork,
        verbose=options.verbose and not options.quiet,
        command=command,
    )
    lines = PlainLines(sys.stderr, with_cells=options.verbose)
    return service.serve(asked, pipeline.Silent() if options.quiet else lines)


def resume(options: argparse.Namespace, command: str) -> int:
    """Go on with a run that failed, at the stage that did."""
    from sentinel_lib.operations import versions
    from sentinel_lib.pipeline import resumption, summary

    data = _data(options)
    found = resumption.find(options.config, data, versions.known_run(data, options.run))
    record = _run_pipeline(options, command, **found.asked())
    say(summary.run_object(record) if options.json else summary.run_text(record))
    return record.exit_code


def replay(options: argparse.Namespace, command: str) -> int:
    """Judge refused rows again and promote what passes now, or only show what would change."""
    from sentinel_lib import operations
    from sentinel_lib.operations import wording
    from sentinel_lib.pipeline import summary

    asked = {
        "kind": "replay",
        "as_of": options.as_of,
        "future": options.future,
        "assets": options.assets,
        "fail_on": "never",
    }
    if not options.dry_run:
        record = _run_pipeline(options, command, **asked)
        say(summary.run_object(record) if options.json else summary.run_text(record))
        return record.exit_code
    data = _readable_data(options)
    with operations.scratch_copy(data) as copy:
        options.data, options.reports = copy, copy.parent / "reports"
        record = _run_pipeline(options, command, **asked)
        found = operations.difference(data, None, None, other=copy)
    say(wording.difference_object(found) if options.json else wording.difference_text(found))
    return record.exit_code


def verify(options: argparse.Namespace, command: str) -> int:
    """Build a run again from the archive, compare it with what was published, and repair that."""
    from sentinel_lib import operations
    from sentinel_lib.operations import versions, wording

    if options.quick:
        return _inspect(options, command)
    if options.repair:
        return _repair(options, command)
    data = _readable_data(options)
    run_id = versions.known_run(data, options.run)
    with _cells_may_print():
        found = operations.verify(data, run_id, _progress(options))
    is_json = options.json
    say(wording.verification_object(found) if is_json else wording.verification_text(found))
    return ExitCode.GATE_BLOCKED if found.problems else ExitCode.OK


def _inspect(options: argparse.Namespace, command: str) -> int:
    from sentinel_lib import operations
    from sentinel_lib.operations import wording
    from sentinel_lib.pipeline import clock

    if options.run:
        raise UsageError("--quick is about all that is kept", next_step="leave RUN out")
    data = _data(options)
    found = operations.inspect(data, clock.now(), lambda: _writing(data, options, command))
    say(wording.inspection_object(found) if options.json else wording.inspection_text(found))
    return ExitCode.GATE_BLOCKED if found.problems else ExitCode.OK


def _repair(options: argparse.Namespace, command: str) -> int:
    from sentinel_lib import operations
    from sentinel_lib.operations import wording

    if options.run:
        raise UsageError("--repair is about what is published now", next_step="leave RUN out")
    data = _data(options)
    with _writing(data, options, command), _cells_may_print():
        found = operations.repair(data, _progress(options))
    say(wording.replacement_object(found) if options.json else wording.repair_text(found))
    return ExitCode.OK


def upgrade(options: argparse.Namespace, command: str) -> int:
    """Build the tables of an older version again, and put them in the place of those."""
    from sentinel_lib import operations
    from sentinel_lib.operations import wording

    data = _data(options, of_any_version=True)
    with _writing(data, options, command), _cells_may_print():
        found = operations.upgrade(data, _progress(options))
    say(wording.replacement_object(found) if options.json else wording.upgrade_text(found))
    return ExitCode.DEGRADED if found and found.built.problems else ExitCode.OK


def diff(options: argparse.Namespace, _: str) -> int:
    """What changed between two runs."""
    from sentinel_lib import operations
    from sentinel_lib.operations import versions, wording

    data = _readable_data(options)
    runs = [versions.known_run(data, one) for one in (options.run_a, options.run_b)]
    found = operations.difference(data, *runs)
    say(wording.difference_object(found) if options.json else wording.difference_text(found))
    return ExitCode.OK


def rollback(options: argparse.Namespace, command: str) -> int:
    """Restore what a run had published."""
    from sentinel_lib import operations
    from sentinel_lib.operations import versions
    from sentinel_lib.pipeline import clock, plan, reports, summary

    data = _data(options)
    target = versions.known_run(data, options.run)
    with _writing(data, options, command):
        record = operations.rollback(
            options.config,
            data,
            target,
            run_id=plan.new_run_id(clock.now()),
            now=clock.now(),
            command=command,
        )
        reports.write_index(data, _reports(options))
    say(summary.run_object(record) if options.json else summary.run_text(record))
    return ExitCode.OK


def vacuum(options: argparse.Namespace, command: str) -> int:
    """Remove what no kept run needs."""
    from sentinel_lib import operations
    from sentinel_lib.operations import retention, wording

    data, keep = _data(options), retention.duration(options.keep)
    with _writing(data, options, command):
        found = operations.vacuum(data, keep)
    removed = {"files": found.files, "strays": found.strays}
    say(removed if options.json else wording.tidied_text(found))
    return ExitCode.OK


def _run_pipeline(options: argparse.Namespace, command: str, **asked: Any) -> RunRecord:
    from sentinel_lib import pipeline
    from sentinel_lib.pipeline import terminal

    of_the_run = pipeline.RunOptions(
        config=options.config,
        data=options.data,
        reports=options.reports,
        wait_seconds=options.wait,
        fork=options.fork,
        verbose=options.verbose and not options.quiet,
        command=command,
        **asked,
    )
    with terminal.watching(sys.stderr, quiet=options.quiet, verbose=options.verbose) as progress:
        return pipeline.run(of_the_run, progress)


@contextlib.contextmanager
def _writing(data: Path, options: argparse.Namespace, command: str) -> Iterator[None]:
    """Be the only one who writes, also when a stage of a killed run has not ended yet."""
    from sentinel_lib.pipeline import clock
    from sentinel_lib.storage.lock import RunLock, without_stages

    lock = RunLock(data, clock.now)
    with lock.hold(command, wait_seconds=options.wait), without_stages(data, clock.now):
        yield


def _data(options: argparse.Namespace, *, of_any_version: bool = False) -> Path:
    """The data folder of a command."""
    from sentinel_lib import settings
    from sentinel_lib.settings.project import in_project
    from sentinel_lib.storage import root

    data = in_project(options.data or settings.load_pipeline(in_project(options.config)).data)
    if not of_any_version:
        root.require_current(data)
    return data


def _reports(options: argparse.Namespace) -> Path:
    from sentinel_lib import settings
    from sentinel_lib.settings.project import in_project

    return in_project(options.reports or settings.load_pipeline(options.config).reports)


def _readable_data(options: argparse.Namespace) -> Path:
    """The data folder of a command that only reads."""
    from sentinel_lib.storage.lock import require_whole

    data = _data(options)
    require_whole(data)
    return data


def _progress(options: argparse.Namespace) -> Callable[[str], None]:
    """Says what goes on, on standard error."""
    err = sys.stderr
    return lambda line: None if options.quiet else print(line, file=err, flush=True)


def _cells_may_print() -> contextlib.AbstractContextManager[Any]:
    """What cells of notebooks print is no answer to the command."""
    return contextlib.redirect_stdout(sys.stderr)


def status(options: argparse.Namespace, _: str) -> int:
    """The last run, with its exit code; or how the schedule stands; or why a stage would run."""
    from sentinel_lib.pipeline import clock
    from sentinel_lib.service import standing

    if options.health:
        return _health(options)
    if options.why:
        return _why(options)
    if options.as_of:
        raise UsageError("--as-of says for when --why is asked, and --why is missing")
    found = standing.of_records(options.config, options.data, clock.now())
    if options.markdown:
        from sentinel_lib.pipeline import notification

        say(notification.markdown(found.last))
    else:
        say(found.as_json() if options.json else found.text())
    return found.exit_code


def notify(options: argparse.Namespace, command: str) -> int:
    """Tell people, through the services of NOTIFY_URLS, how a run ended."""
    from sentinel_lib import alerts
    from sentinel_lib.pipeline import notification
    from sentinel_lib.settings.environment import load_environment

    to = load_environment().notify_addresses()
    record, run_id = _run_to_tell_of(options)
    message = notification.message(
        record, run_id=run_id, around=options.around, link=options.link, command=command
    )
    taken = alerts.send(message, to)
    said = {"run_id": run_id or None, "subject": message.subject, "sent_to": taken}
    say(said if options.json else "\n".join([message.subject, *(f"sent: {one}" for one in taken)]))
    return ExitCode.OK


def _run_to_tell_of(options: argparse.Namespace) -> tuple[RunRecord | None, str]:
    """The record of the run that is named, or of the last one, and its id; None and "" if none."""
    from sentinel_lib.operations import versions
    from sentinel_lib.storage.run_history import RunHistory

    data = _readable_data(options)
    runs = RunHistory(data)
    if options.run is None and not runs.run_ids():
        return None, ""
    run_id = versions.known_run(data, options.run)
    return runs.run_of(run_id), run_id


def _health(options: argparse.Namespace) -> int:
    from sentinel_lib import service
    from sentinel_lib.pipeline import clock

    try:
        found = service.from_records(options.config, options.data, clock.now())
    except SentinelError as unreadable:  # a health check knows two exit codes only
        words = addressed(str(unreadable), options)
        say({"status": "failed", "reason": words} if options.json else words)
        return 1
    words = ": ".join(filter(None, (found.body["status"], found.body["reason"])))
    say(found.body if options.json else words)
    return int(found.http_status != 200)


def _why(options: argparse.Namespace) -> int:
    from sentinel_lib.pipeline import RunOptions, summary
    from sentinel_lib.pipeline.selection import outlook

    asked = RunOptions(config=options.config, data=_readable_data(options), as_of=options.as_of)
    found = outlook(asked, options.why)
    say(summary.outlook_object(found) if options.json else summary.outlook_text(found))
    return ExitCode.OK


def history(options: argparse.Namespace, _: str) -> int:
    """The newest runs, those without an end included."""
    from sentinel_lib.pipeline import summary
    from sentinel_lib.storage.run_history import RunHistory
    from sentinel_lib.storage.unended import all_runs

    data = _readable_data(options)
    runs = list(islice(all_runs(data), options.limit))
    undone = RunHistory(data).undone()
    if options.json:
        rows = [summary.run_object(one) | {"undone": one.run_id in undone} for one in runs]
        say({"runs": rows})
    else:
        words = "no runs yet: python run_pipeline.py run"
        say(summary.history_text(runs, undone) if runs else words)
    return ExitCode.OK


def _source(options: argparse.Namespace) -> Any:
    if options.input is None:
        return options.source
    if options.source not in (None, "files"):
        raise UsageError(
            f"--input reads files, and --source says {options.source}",
            next_step="leave one of them out",
        )
    return "files"


def say(shown: Mapping[str, Any] | str) -> None:
    """Print an answer: words, or one JSON object."""
    print(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False))
