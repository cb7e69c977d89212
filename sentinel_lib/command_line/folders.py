"""The folders of a command, whether it may use them, and how messages name them."""

import argparse
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinel_lib import clock
from sentinel_lib.settings.pipeline import load_pipeline
from sentinel_lib.settings.project import PROJECT_ROOT, in_project
from sentinel_lib.storage import root
from sentinel_lib.storage.lock import RunLock, require_whole, without_stages

_COMMAND = re.compile(r"python run_pipeline\.py [a-z]+")


def data_folder(options: argparse.Namespace, *, of_any_version: bool = False) -> Path:
    """The data folder of a command."""
    data = in_project(options.data or load_pipeline(in_project(options.config)).data)
    if not of_any_version:
        root.require_current(data)
    return data


def readable_data(options: argparse.Namespace) -> Path:
    """The data folder of a command that only reads."""
    data = data_folder(options)
    require_whole(data)
    return data


def reports_folder(options: argparse.Namespace) -> Path:
    """The folder of reports of a command."""
    return in_project(options.reports or load_pipeline(in_project(options.config)).reports)


@contextmanager
def writing(data: Path, options: argparse.Namespace, command: str) -> Iterator[None]:
    """Be the only one who writes, also when a stage of a killed run has not ended yet."""
    lock = RunLock(data, clock.now)
    with lock.hold(command, wait_seconds=options.wait_seconds), without_stages(data, clock.now):
        yield


def addressed(message: str, options: argparse.Namespace) -> str:
    """``message`` in which each command is about the same folders as that of ``options``."""
    given = {"--config": options.config, "--data": options.data, "--reports": options.reports}
    folders = [
        f"{flag} {shlex.quote(str(folder))}"
        for flag, folder in given.items()
        if folder not in (None, PROJECT_ROOT / "config") and flag not in message
    ]
    return _COMMAND.sub(lambda command: " ".join([command[0], *folders]), message)
