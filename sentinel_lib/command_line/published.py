"""The commands about what is published: compare it, take it back, build it again, tidy up.

Operations are imported where they are used: they take a second, which other commands do not pay.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from typing import Any

from sentinel_lib import clock
from sentinel_lib.command_line.answer import Answer, of_run
from sentinel_lib.command_line.folders import data_folder, readable_data, reports_folder, writing
from sentinel_lib.errors import UsageError
from sentinel_lib.storage.run_history import RunHistory


def verify(options: argparse.Namespace, command: str) -> Answer:
    """Rebuild a run from the archive, compare it with what was published, and repair that.

    Raises ``UsageError`` if a run is named along with ``--quick`` or ``--repair``.
    """
    from sentinel_lib.command_line import results
    from sentinel_lib.operations import inspection, rebuild, replacement

    if options.run and (options.quick or options.repair):
        flag, about = ("quick", "kept") if options.quick else ("repair", "published now")
        raise UsageError(f"--{flag} is about all that is {about}", next_step="leave RUN out")
    if options.quick:
        data = data_folder(options)
        lock = lambda: writing(data, options, command)  # noqa: E731
        return results.of_inspection(inspection.inspect(data, clock.now(), lock))
    if options.repair:
        data = data_folder(options)
        with writing(data, options, command), _cells_may_print():
            return results.of_repair(replacement.repair(data, _progress(options)))
    data = readable_data(options)
    run_id = RunHistory(data).known(options.run)
    with _cells_may_print():
        return results.of_verification(rebuild.verify(data, run_id, _progress(options)))


def upgrade(options: argparse.Namespace, command: str) -> Answer:
    """Build the tables of an older version again, and put them in the place of those."""
    from sentinel_lib.command_line import results
    from sentinel_lib.operations import replacement

    data = data_folder(options, of_any_version=True)
    with writing(data, options, command), _cells_may_print():
        return results.of_upgrade(replacement.upgrade(data, _progress(options)))


def diff(options: argparse.Namespace, _: str) -> Answer:
    """What changed between two runs."""
    from sentinel_lib.command_line import results
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
    from sentinel_lib.command_line import results
    from sentinel_lib.operations import retention

    data, keep = data_folder(options), retention.duration(options.keep)
    with writing(data, options, command):
        return results.of_vacuum(retention.vacuum(data, keep))


def _progress(options: argparse.Namespace) -> Callable[[str], None]:
    """Says what goes on, on standard error."""
    err = sys.stderr
    return lambda line: None if options.quiet else print(line, file=err, flush=True)


def _cells_may_print() -> contextlib.AbstractContextManager[Any]:
    """What cells of notebooks print goes to standard error: it does not answer the command."""
    return contextlib.redirect_stdout(sys.stderr)
