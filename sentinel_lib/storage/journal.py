"""Changes of several files that readers must see together: all of them are made, or none.

Whoever makes one prepares its files in ``ops/unfinished`` (in the data folder, for that may be a
mount), and then writes down which to move where. From then on the change is made, if need be by
the next command that takes the lock; until then it has not begun.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from sentinel_lib.errors import StorageError
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.layout import Layout


class Move(BaseModel, frozen=True):
    """A file or a folder takes another place; both paths are relative to the data folder.

    A folder's new place must not be taken. Made twice, it is as if made once.
    """

    source: Path
    target: Path


class Journal(BaseModel, frozen=True):
    """What is being changed, in words, the ``command`` that does it, and its moves in order."""

    what: str
    command: str
    moves: tuple[Move, ...]


def prepare(data: Path) -> Path:
    """An empty folder for the files of a change. What a killed command had prepared is gone.

    Raises ``StorageError`` if it cannot be made.
    """
    folder = Layout(data).unfinished
    shutil.rmtree(folder, ignore_errors=True)
    with artifacts.writing(folder):
        folder.mkdir(parents=True)
    return folder


def carry_out(data: Path, what: str, command: str, moves: Sequence[Move]) -> None:
    """Make a change whose files are prepared. Only for the one writer.

    Raises ``StorageError`` if a file cannot be moved; the next command that writes goes on then.
    """
    change = Journal(what=what, command=f"python run_pipeline.py {command}", moves=tuple(moves))
    artifacts.replace(Layout(data).journal, change.model_dump_json().encode())
    finish(data)


def finish(data: Path) -> None:
    """Make whole what a killed command has begun, and remove what it had only prepared.

    Only for the one writer. Raises ``StorageError`` if a file cannot be moved.
    """
    layout = Layout(data)
    if not layout.unfinished.exists():
        return
    journal = read(data)
    for move in journal.moves if journal else ():
        source, target = data / move.source, data / move.target
        if source.exists() and not target.is_dir():  # else it has been made
            with artifacts.writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                source.replace(target)
    layout.journal.unlink(missing_ok=True)
    shutil.rmtree(layout.unfinished, ignore_errors=True)


def read(data: Path) -> Journal | None:
    """The change that has begun and is not finished; None where there is none.

    Raises ``StorageError`` if the journal is damaged or another version's.
    """
    path = Layout(data).journal
    try:
        return Journal.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as unreadable:
        raise StorageError(
            f"{path} is not a journal that this version can read: {unreadable}",
            next_step="run the command of the version that wrote it, or restore the data folder "
            "from a backup",
        ) from unreadable
