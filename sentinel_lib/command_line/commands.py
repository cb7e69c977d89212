"""One function per command: does it, says what came of it, and gives the exit code."""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from typing import TYPE_CHECKING

from sentinel_lib.command_line.addressing import addressed
from sentinel_lib.command_line.answer import say
from sentinel_lib.command_line.places import data_folder, readable_data
from sentinel_lib.command_line.published import diff, rollback, upgrade, vacuum, verify
from sentinel_lib.errors import ExitCode, SentinelError, UsageError

if TYPE_CHECKING:
    from sentinel_lib.records.request import RunRequest
    from sentinel_lib.records.stage import RunRecord

__all__ = [
    "diff",
    "history",
    "notify",
    "replay",
    "resume",
    "rollback",
    "run",
    "say",
    "serve",
    "status",
    "upgrade",
    "vacuum",
    "verify",
]


def run(options: argparse.Namespace, command: str) -> int:
    """Run the pipeline and say how it ended."""
    from sentinel_lib.records.request import RunRequest

    return _tell(_run(RunRequest.of(options, command), options), options)


def serve(options: argparse.Namespace, command: str) -> int:
    """Run the pipeline on schedule, in this process, until it is stopped."""
    from sentinel_lib import service
    from sentinel_lib.messages.terminal import PlainLines
    from sentinel_lib.pipeline.progress import Silent
    from sentinel_lib.records.request import RunRequest

    progress = Silent() if options.quiet else PlainLines(sys.stderr, with_cells=options.verbose)
    return service.serve(RunRequest.of(options, command), progress)


def resume(options: argparse.Namespace, command: str) -> int:
    """Resume a run that failed, at the stage that did."""
    from sentinel_lib.operations import versions
    from sentinel_lib.records.request import RunRequest
    from sentinel_lib.skipping import resumption

    data = data_folder(options)
    run_id = versions.known_run(data, options.run)
    request = resumption.resumed(RunRequest.of(options, command), data, run_id)
    return _tell(_run(request, options), options)


def replay(options: argparse.Namespace, command: str) -> int:
    """Judge quarantined rows again and promote what passes now, or only show what would change."""
    from sentinel_lib import operations
    from sentinel_lib.command_line import operations as wording
    from sentinel_lib.records.request import RunRequest

    request = RunRequest.of(options, command)
    if not options.dry_run:
        return _tell(_run(request, options), options)
    data = readable_data(options)
    with operations.scratch_copy(data) as copy:
        folders = {"data": copy, "reports": copy.parent / "reports"}
        record = _run(request.model_copy(update=folders), options)
        changes = operations.difference(data, None, None, other=copy)
    say(wording.difference_object(changes) if options.json else wording.difference_text(changes))
    return record.exit_code


def _run(request: RunRequest, options: argparse.Namespace) -> RunRecord:
    from sentinel_lib.messages import terminal
    from sentinel_lib.pipeline.run import run

    with terminal.watching(sys.stderr, quiet=options.quiet, verbose=options.verbose) as progress:
        return run(request, progress)


def _tell(record: RunRecord, options: argparse.Namespace) -> int:
    from sentinel_lib.messages import summary

    say(summary.run_object(record) if options.json else summary.run_text(record))
    return record.exit_code


def status(options: argparse.Namespace, _: str) -> int:
    """The last run, with its exit code; or how the schedule stands; or why a stage would run."""
    from sentinel_lib import clock
    from sentinel_lib.service import standing

    if options.health:
        return _health(options)
    if options.why:
        return _why(options)
    if options.as_of:
        raise UsageError("--as-of says for when --why is asked, and --why is missing")
    found = standing.of_records(options.config, options.data, clock.now())
    if options.markdown:
        from sentinel_lib.messages import notification

        say(notification.markdown(found.last))
    else:
        say(found.as_json() if options.json else found.text())
    return found.exit_code


def notify(options: argparse.Namespace, command: str) -> int:
    """Tell people, through the services of NOTIFY_URLS, how a run ended."""
    from sentinel_lib import alerts
    from sentinel_lib.messages import notification
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

    data = readable_data(options)
    runs = RunHistory(data)
    if options.run is None and not runs.run_ids():
        return None, ""
    run_id = versions.known_run(data, options.run)
    return runs.run_of(run_id), run_id


def _health(options: argparse.Namespace) -> int:
    from sentinel_lib import clock, service

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
    from sentinel_lib.messages import summary
    from sentinel_lib.records.request import RunRequest
    from sentinel_lib.skipping.selection import outlook

    readable_data(options)
    expected = outlook(RunRequest.of(options), options.why)
    say(summary.outlook_object(expected) if options.json else summary.outlook_text(expected))
    return ExitCode.OK


def history(options: argparse.Namespace, _: str) -> int:
    """The newest runs, those without an end included."""
    from sentinel_lib.messages import summary
    from sentinel_lib.storage.run_history import RunHistory
    from sentinel_lib.storage.unended import all_runs

    data = readable_data(options)
    runs = list(islice(all_runs(data), options.limit))
    undone = RunHistory(data).undone()
    if options.json:
        rows = [summary.run_object(one) | {"undone": one.run_id in undone} for one in runs]
        say({"runs": rows})
    else:
        words = "no runs yet: python run_pipeline.py run"
        say(summary.history_text(runs, undone) if runs else words)
    return ExitCode.OK
