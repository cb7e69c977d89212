"""The copy of the configuration that a run goes by: exact, and there as a whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinel_lib.errors import ConfigError
from sentinel_lib.settings.environment import load_environment
from sentinel_lib.settings.secrets import Scrubber
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.layout import Layout

_PREFIX = ".config-"
_COPY = "config"


def exact_files(config: Path) -> dict[Path, bytes]:
    """The YAML files of the folder ``config``, by their paths in it.

    Raises ``ConfigError`` with file and line where one holds the value of a secret: a copy would
    show it, or not be exact. That an address names a user without a password is none.
    """
    scrubber = Scrubber(load_environment(), users_are_secret=False)
    files = {}
    for path in sorted(config.rglob("*.yaml")):
        try:
            content = path.read_bytes()
        except OSError as unreadable:
            raise ConfigError(
                f"{path}: cannot be read: {unreadable.strerror}",
                next_step="fix the permissions of the file",
            ) from None
        text = content.decode(errors="surrogateescape")
        if secret := scrubber.first(text):
            start, variable = secret
            raise ConfigError(
                f"{path}:{text.count(chr(10), 0, start) + 1}: holds the value of {variable}, and "
                "every run keeps a copy of this file",
                next_step="write the value into .env.local or the environment alone",
            )
        files[path.relative_to(config)] = content
    return files


@contextmanager
def config_copy(config: Path, data: Path) -> Iterator[Path]:
    """A copy of ``exact_files`` in the data folder. It goes with the block, unless a run keeps it.

    For who holds the lock: copies that killed runs have left are removed. Raises ``ConfigError`` as
    ``exact_files`` does, and ``StorageError`` if the copy cannot be written.
    """
    copies = Layout(data).config_copies
    for left in copies.glob(f"{_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    files = exact_files(config)
    with artifacts.writing(copies):
        copies.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=copies))
        (folder / _COPY).mkdir()
    try:
        for name, content in files.items():
            artifacts.replace(folder / _COPY / name, content)
        yield folder / _COPY
    finally:
        shutil.rmtree(folder, ignore_errors=True)
