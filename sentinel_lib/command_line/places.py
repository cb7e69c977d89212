"""Where a command reads and writes, and whether it may."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing(data: Path, options: argparse.Namespace, command: str) -> Iterator[None]:
    """Be the only one who writes, also when a stage of a killed run has not ended yet."""
    from sentinel_lib import clock
    from sentinel_lib.storage.lock import RunLock, without_stages

    lock = RunLock(data, clock.now)
    with lock.hold(command, wait_seconds=options.wait_seconds), without_stages(data, clock.now):
        yield


def data_folder(options: argparse.Namespace, *, of_any_version: bool = False) -> Path:
    """The data folder of a command."""
    from sentinel_lib.settings.pipeline import load_pipeline
    from sentinel_lib.settings.project import in_project
    from sentinel_lib.storage import root

    data = in_project(options.data or load_pipeline(in_project(options.config)).data)
    if not of_any_version:
        root.require_current(data)
    return data


def reports_folder(options: argparse.Namespace) -> Path:
    """The folder of reports of a command."""
    from sentinel_lib.settings.pipeline import load_pipeline
    from sentinel_lib.settings.project import in_project

    return in_project(options.reports or load_pipeline(in_project(options.config)).reports)


def readable_data(options: argparse.Namespace) -> Path:
    """The data folder of a command that only reads."""
    from sentinel_lib.storage.lock import require_whole

    data = data_folder(options)
    require_whole(data)
    return data
