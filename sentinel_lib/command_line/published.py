"""The commands about what is published: compare it, take it back, build it again, tidy up."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from typing import Any

from sentinel_lib.command_line.answer import say
from sentinel_lib.command_line.places import data_folder, readable_data, reports_folder, writing
from sentinel_lib.errors import ExitCode, UsageError


def verify(options: argparse.Namespace, command: str) -> int:
    """Build a run again from the archive, compare it with what was published, and repair that."""
    from sentinel_lib import operations
    from sentinel_lib.command_line import operations as wording
    from sentinel_lib.operations import versions

    if options.quick:
        return _inspect(options, command)
    if options.repair:
        return _repair(options, command)
    data = readable_data(options)
    run_id = versions.known_run(data, options.run)
    with _cells_may_print():
        found = operations.verify(data, run_id, _progress(options))
    is_json = options.json
    say(wording.verification_object(found) if is_json else wording.verification_text(found))
    return ExitCode.GATE_BLOCKED if found.problems else ExitCode.OK


def _inspect(options: argparse.Namespace, command: str) -> int:
    from sentinel_lib import clock, operations
    from sentinel_lib.command_line import operations as wording

    if options.run:
        raise UsageError("--quick is about all that is kept", next_step="leave RUN out")
    data = data_folder(options)
    found = operations.inspect(data, clock.now(), lambda: writing(data, options, command))
    say(wording.inspection_object(found) if options.json else wording.inspection_text(found))
    return ExitCode.GATE_BLOCKED if found.problems else ExitCode.OK


def _repair(options: argparse.Namespace, command: str) -> int:
    from sentinel_lib import operations
    from sentinel_lib.command_line import operations as wording

    if options.run:
        raise UsageError("--repair is about what is published now", next_step="leave RUN out")
    data = data_folder(options)
    with writing(data, options, command), _cells_may_print():
        found = operations.repair(data, _progress(options))
    say(wording.replacement_object(found) if options.json else wording.repair_text(found))
    return ExitCode.OK


def upgrade(options: argparse.Namespace, command: str) -> int:
    """Build the tables of an older version again, and put them in the place of those."""
    from sentinel_lib import operations
    from sentinel_lib.command_line import operations as wording

    data = data_folder(options, of_any_version=True)
    with writing(data, options, command), _cells_may_print():
        found = operations.upgrade(data, _progress(options))
    say(wording.replacement_object(found) if options.json else wording.upgrade_text(found))
    return ExitCode.DEGRADED if found and found.built.problems else ExitCode.OK


def diff(options: argparse.Namespace, _: str) -> int:
    """What changed between two runs."""
    from sentinel_lib import operations
    from sentinel_lib.command_line import operations as wording
    from sentinel_lib.operations import versions

    data = readable_data(options)
    runs = [versions.known_run(data, one) for one in (options.run_a, options.run_b)]
    found = operations.difference(data, *runs)
    say(wording.difference_object(found) if options.json else wording.difference_text(found))
    return ExitCode.OK


def rollback(options: argparse.Namespace, command: str) -> int:
    """Restore what a run had published."""
    from sentinel_lib import clock, operations
    from sentinel_lib.messages import summary
    from sentinel_lib.operations import versions
    from sentinel_lib.pipeline import reports
    from sentinel_lib.planning import plan

    data = data_folder(options)
    target = versions.known_run(data, options.run)
    with writing(data, options, command):
        record = operations.rollback(
            options.config,
            data,
            target,
            run_id=plan.new_run_id(clock.now()),
            now=clock.now(),
            command=command,
        )
        reports.write_index(data, reports_folder(options))
    say(summary.run_object(record) if options.json else summary.run_text(record))
    return ExitCode.OK


def vacuum(options: argparse.Namespace, command: str) -> int:
    """Remove what no kept run needs."""
    from sentinel_lib import operations
    from sentinel_lib.command_line import operations as wording
    from sentinel_lib.operations import retention

    data, keep = data_folder(options), retention.duration(options.keep)
    with writing(data, options, command):
        found = operations.vacuum(data, keep)
    removed = {"files": found.files, "strays": found.strays}
    say(removed if options.json else wording.tidied_text(found))
    return ExitCode.OK


def _progress(options: argparse.Namespace) -> Callable[[str], None]:
    """Says what goes on, on standard error."""
    err = sys.stderr
    return lambda line: None if options.quiet else print(line, file=err, flush=True)


def _cells_may_print() -> contextlib.AbstractContextManager[Any]:
    """What cells of notebooks print is no answer to the command."""
    return contextlib.redirect_stdout(sys.stderr)
