"""One function per command: does it, and gives what to say of it and the exit code.

What few commands need is imported where it is used: ``status`` answers at once. What cells of
notebooks print goes to standard error: it does not answer the command.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

from sentinel_lib import clock
from sentinel_lib.command_line import results
from sentinel_lib.command_line.folders import (
    addressed,
    data_folder,
    readable_data,
    reports_folder,
    writing,
)
from sentinel_lib.command_line.results import Answer, of_run
from sentinel_lib.errors import LockedError, SentinelError, StorageError, UsageError
from sentinel_lib.messages import summary
from sentinel_lib.operations.results import Verification
from sentinel_lib.records.request import RunRequest
from sentinel_lib.records.stage import RunRecord
from sentinel_lib.storage.run_history import RunHistory


def run(options: argparse.Namespace, command: str) -> Answer:
    """Run the pipeline and say how it ended."""
    return of_run(_run(RunRequest.of(options, command), options))


def inspect(options: argparse.Namespace, _: str) -> Answer:
    """How the files of a path would be read. Raises ``SourceError`` if there is none."""
    from sentinel_lib.ingestion.batch import read_files
    from sentinel_lib.ingestion.previews import previews
    from sentinel_lib.settings.assets import read_assets

    file, document = read_assets(options.config)
    assets = file.resolve(document, "files", {"path": options.input_path})
    options_of_files = file.sources.files.model_copy(update={"path": options.input_path})
    fetched = read_files(options_of_files, assets)
    fetched.settled = partial(_settled, options)
    return results.of_previews(previews(fetched, assets))


def _settled(options: argparse.Namespace, place: str) -> dict[str, str]:
    """What the last good fetch of a place shows, if there is one."""
    from sentinel_lib.stages.ingest.settled import settled_by
    from sentinel_lib.storage.tables import Lake

    data = data_folder(options)
    return settled_by(Lake(data), RunHistory(data), place)


def serve(options: argparse.Namespace, command: str) -> Answer:
    """Run the pipeline on schedule, in this process, until it is stopped."""
    from sentinel_lib.messages.terminal import PlainLines
    from sentinel_lib.pipeline.progress import Progress
    from sentinel_lib.service.serve import serve as serve_runs

    progress = Progress() if options.quiet else PlainLines(sys.stderr, with_cells=options.verbose)
    return Answer("", {}, serve_runs(RunRequest.of(options, command), progress))


def resume(options: argparse.Namespace, command: str) -> Answer:
    """Resume a run that failed, at the stage that did."""
    from sentinel_lib.skipping.selection import resumed

    data = data_folder(options)
    asked = RunRequest.of(options, command)
    return of_run(_run(resumed(asked, data, RunHistory(data).known(options.run)), options))


def replay(options: argparse.Namespace, command: str) -> Answer:
    """Judge quarantined rows again and promote what passes now, or only show what would change."""
    from sentinel_lib.operations.difference import difference
    from sentinel_lib.operations.scratch import scratch_copy

    request = RunRequest.of(options, command)
    if not options.dry_run:
        return of_run(_run(request, options))
    data = readable_data(options)
    with scratch_copy(data) as copy:
        folders = {"data": copy, "reports": copy.parent / "reports"}
        record = _run(request.model_copy(update=folders), options)
        changes = difference(data, None, None, other=copy)
    return results.of_difference(changes)._replace(exit_code=record.exit_code)


def status(options: argparse.Namespace, _: str) -> Answer:
    """The last run, with its exit code; or how the schedule stands; or why a stage would run.

    Raises ``UsageError`` for ``--as-of`` without ``--why``.
    """
    from sentinel_lib.service.status import read_status

    if options.health:
        return _health(options)
    if options.why:
        from sentinel_lib.skipping.selection import outlook

        readable_data(options)
        return results.of_outlook(outlook(RunRequest.of(options), options.why))
    if options.as_of:
        raise UsageError("--as-of is given without --why", next_step="add --why STAGE")
    state = read_status(options.config, options.data, clock.now())
    if not options.markdown:
        return Answer(state.text(), state.as_json(), state.exit_code)
    from sentinel_lib.messages import notification

    return Answer(notification.markdown(state.last), state.as_json(), state.exit_code)


def notify(options: argparse.Namespace, command: str) -> Answer:
    """Tell people, through the services of NOTIFY_URLS, how a run ended."""
    from sentinel_lib import alerts
    from sentinel_lib.messages import notification
    from sentinel_lib.settings.environment import load_environment

    environment = load_environment()
    runs = RunHistory(readable_data(options))
    is_any = options.run is not None or runs.run_ids()
    run_id = runs.known(options.run) if is_any else ""
    record = runs.run_of(run_id) if run_id else None
    message = notification.message(
        record, run_id=run_id, around=options.around, link=options.link, command=command
    )
    services = alerts.send(message, environment)
    return Answer(
        "\n".join([message.subject, *(f"sent: {service}" for service in services)]),
        {"run_id": run_id or None, "subject": message.subject, "sent_to": services},
    )


def history(options: argparse.Namespace, _: str) -> Answer:
    """The newest runs, those without an end included."""

    data = readable_data(options)
    runs = list(islice(RunHistory(data).runs(), options.limit))
    undone = RunHistory(data).undone()
    rows = [summary.run_object(run) | {"undone": run.run_id in undone} for run in runs]
    text = summary.history_text(runs, undone) if runs else "no runs yet: python run_pipeline.py run"
    return Answer(text, {"runs": rows})


def verify(options: argparse.Namespace, command: str) -> Answer:
    """Rebuild a run from the archive, compare it with what was published, and repair that.

    Raises ``UsageError`` if a run is named along with ``--quick`` or ``--repair``.
    """
    from sentinel_lib.operations import inspection, rebuild, replacement

    if options.run and (options.quick or options.repair):
        flag, about = ("quick", "kept") if options.quick else ("repair", "published now")
        raise UsageError(f"--{flag} is about all that is {about}", next_step="leave RUN out")
    if options.quick:
        data = data_folder(options)
        lock = partial(writing, data, options, command)
        return results.of_inspection(inspection.inspect(data, clock.now(), lock))
    if options.repair:
        data = data_folder(options)
        with writing(data, options, command), contextlib.redirect_stdout(sys.stderr):
            return results.of_repair(replacement.repair(data, _progress(options)))
    data = readable_data(options)
    run_id = RunHistory(data).known(options.run)
    with contextlib.redirect_stdout(sys.stderr):
        verified = rebuild.verify(data, run_id, _progress(options), from_start=options.from_start)
    if verified.is_whole:
        _keep_checkpoint(data, verified, options, command)
    return results.of_verification(verified)


def _keep_checkpoint(
    data: Path, verified: Verification, options: argparse.Namespace, command: str
) -> None:
    """Let the next ``verify`` begin where this one ended, if nothing has been published since."""
    from sentinel_lib.operations import checkpoint

    history = RunHistory(data)
    record = history.run_of(verified.run_id)
    try:
        if record is not None and record.is_good:
            with writing(data, options, command):
                if history.run_ids()[0] == verified.run_id:
                    checkpoint.keep(data, verified.run_id, clock.now())
    except (LockedError, StorageError) as failed:
        verified.note(f"the next verify begins where this one did, for {failed.message}")


def upgrade(options: argparse.Namespace, command: str) -> Answer:
    """Build the tables of an older version again, and put them in the place of those."""
    from sentinel_lib.operations import replacement

    data = data_folder(options, of_any_version=True)
    with writing(data, options, command), contextlib.redirect_stdout(sys.stderr):
        return results.of_upgrade(replacement.upgrade(data, _progress(options)))


def diff(options: argparse.Namespace, _: str) -> Answer:
    """What changed between two runs."""
    from sentinel_lib.operations.difference import difference

    data = readable_data(options)
    run_a, run_b = RunHistory(data).known(options.run_a), RunHistory(data).known(options.run_b)
    return results.of_difference(difference(data, run_a, run_b))


def rollback(options: argparse.Namespace, command: str) -> Answer:
    """Restore what a run had published."""
    from sentinel_lib.operations.rollback import rollback as roll_back
    from sentinel_lib.pipeline import reports
    from sentinel_lib.planning.plan import new_run_id

    data, now = data_folder(options), clock.now()
    target = RunHistory(data).known(options.run)
    with writing(data, options, command):
        record = roll_back(data, target, run_id=new_run_id(now), now=now, command=command)
        reports.write_index(data, reports_folder(options))
    return of_run(record)


def vacuum(options: argparse.Namespace, command: str) -> Answer:
    """Remove what no kept run needs."""
    from sentinel_lib.operations import retention

    data, keep = data_folder(options), clock.duration(options.keep)
    with writing(data, options, command):
        return results.of_vacuum(retention.vacuum(data, keep))


def _progress(options: argparse.Namespace) -> Callable[[str], None]:
    """Says what goes on, on standard error."""
    err = sys.stderr
    return lambda line: None if options.quiet else print(line, file=err, flush=True)


def _run(request: RunRequest, options: argparse.Namespace) -> RunRecord:
    from sentinel_lib.messages import terminal
    from sentinel_lib.pipeline.run import run as run_pipeline

    with terminal.watching(sys.stderr, quiet=options.quiet, verbose=options.verbose) as progress:
        return run_pipeline(request, progress)


def _health(options: argparse.Namespace) -> Answer:
    from sentinel_lib.service.status import read_health

    try:
        health = read_health(options.config, options.data, clock.now())
    except SentinelError as unreadable:  # a health check knows two exit codes only
        reason = addressed(str(unreadable), options)
        return Answer(reason, {"status": "failed", "reason": reason}, 1)
    text = ": ".join(filter(None, (health.body["status"], health.body["reason"])))
    return Answer(text, health.body, int(health.http_status != 200))


Command = Callable[[argparse.Namespace, str], Answer]

COMMANDS: dict[str, Command] = {
    command.__name__: command
    for command in (
        run, inspect, status, serve, resume, history, notify, replay,
        verify, upgrade, diff, rollback, vacuum,
    )
}  # fmt: skip
