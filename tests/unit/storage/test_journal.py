"""Changes of several files: made whole, whenever whoever makes them is killed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sentinel_lib.errors import StorageError
from sentinel_lib.storage import journal
from sentinel_lib.storage.journal import Journal, Move
from sentinel_lib.storage.layout import Layout
from sentinel_lib.storage.lock import RunLock

NOW = datetime(2024, 1, 3, tzinfo=UTC)
FILES = {"gold/figures.csv": "new figures", "ops/runs/r2/run.json": "record"}


Kill = Callable[[int | None], None]


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a table, and a file, that are to be replaced."""
    for name, text in {"silver/bars/1.parquet": "old rows", "gold/figures.csv": "old"}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def change(data: Path) -> Journal:
    """Prepare another table and two files, and say which moves they take."""
    prepared = journal.prepare(data)
    for name, text in {"silver/bars/2.parquet": "new rows", **FILES}.items():
        path = prepared / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    away = Move(
        source=Path("silver/bars"),
        target=Layout(Path()).unfinished / "old" / "silver" / "bars",
    )
    paths = [Path("silver/bars"), *map(Path, FILES)]
    into = [Move(source=(prepared / path).relative_to(data), target=path) for path in paths]
    moves = (away, *into)
    return Journal(what="a change", command="python run_pipeline.py change", moves=moves)


def carry_out(data: Path, planned: Journal) -> None:
    journal.carry_out(data, planned.what, "change", planned.moves)


def content(data: Path) -> dict[str, str]:
    files = (path for path in data.rglob("*") if path.is_file())
    return {str(path.relative_to(data)): path.read_text() for path in sorted(files)}


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Kill:
    """Ends the process, as far as it can be told, before the nth file or folder is moved."""
    replace, moved = Path.replace, [0]

    def at(count: int | None) -> None:
        def counted(self: Path, target: Path) -> Path:
            if "unfinished" in self.parts or "unfinished" in Path(target).parts:
                if moved[0] == count:
                    raise Killed
                moved[0] += 1
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", counted)

    return at


WHOLE = {"silver/bars/2.parquet": "new rows", **FILES}


@pytest.mark.parametrize("moves", range(1, 5))
def test_a_change_that_was_killed_after_it_had_begun_is_finished_by_the_next_writer(
    data: Path, killed_at: Kill, moves: int
) -> None:
    planned = change(data)
    killed_at(moves)
    with pytest.raises(Killed):
        carry_out(data, planned)
    killed_at(None)
    begun = journal.read(data)

    with RunLock(data, lambda: NOW).hold("python run_pipeline.py run"):
        found = content(data)

    assert begun == planned
    assert {name: text for name, text in found.items() if "lock" not in name} == WHOLE
    assert journal.read(data) is None


def test_a_change_that_was_killed_before_it_had_begun_has_not_happened(data: Path) -> None:
    before = content(data)
    change(data)

    with RunLock(data, lambda: NOW).hold("python run_pipeline.py run"):
        found = content(data)

    assert {name: text for name, text in found.items() if "lock" not in name} == before


def test_a_change_that_nobody_disturbs_leaves_nothing_behind(data: Path) -> None:
    carry_out(data, change(data))

    assert content(data) == WHOLE
    assert not Layout(data).unfinished.exists()


def test_a_journal_that_cannot_be_read_is_an_error_that_names_it(data: Path) -> None:
    journal.prepare(data)
    Layout(data).journal.write_text("{")

    with pytest.raises(StorageError, match=r"journal\.json is not a journal"):
        journal.finish(data)
