from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from sentinel_lib.notebook_runner import engine
from sentinel_lib.notebook_runner.engine import ExecutedNotebook, scrubbed


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def hide(text: str) -> str:
    return text.replace("hunter2", "[gone]")


def notebook(source: str = "1 + 1") -> NotebookNode:
    return new_notebook(cells=[new_code_cell(source)])


def source_at(path: Path) -> str:
    return str(nbformat.read(path, as_version=4).cells[0].source)


def test_everything_of_a_notebook_is_scrubbed_but_what_makes_it_one() -> None:
    leaky = new_notebook(metadata={"papermill": {"parameters": {"key hunter2": ["hunter2"]}}})
    leaky.cells = [new_code_cell("login('hunter2')", metadata={"note": "hunter2"})]
    leaky.cells[0].outputs = [
        new_output("stream", name="stderr", text="hunter2"),
        new_output("display_data", data={"text/html": "<b>hunter2</b>"}),
        new_output("error", ename="Error", evalue="hunter2", traceback=["1", "hunter2"]),
    ]

    clean = scrubbed(leaky, lambda text: hide(text).replace("stream", "[gone]"))

    assert "hunter2" not in nbformat.writes(clean)
    assert clean.cells[0].outputs[0].output_type == "stream"
    assert clean.cells[0].outputs[2].traceback == ["1", "[gone]"]
    assert leaky.cells[0].source == "login('hunter2')"


def test_secret_does_not_hide_behind_the_escapes_of_the_file(tmp_path: Path) -> None:
    kept = ExecutedNotebook(tmp_path / "kept.ipynb", lambda text: text.replace('a"ü\n', "[gone]"))
    kept.content = notebook('password = a"ü\n')

    kept.write()

    assert source_at(kept.path) == "password = [gone]"


def test_notebook_is_saved_at_once_and_then_soon(
    tmp_path: Path, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SAVE_EVERY_SECONDS", 0.2)
    kept = ExecutedNotebook(tmp_path / "kept.ipynb", str)
    seen = []
    for number in range(3):
        kept.content = notebook(f"{number}")
        kept.save(loop)
        seen.append(source_at(kept.path))

    loop.run_until_complete(asyncio.sleep(0.3))

    assert seen == ["0", "0", "0"]
    assert source_at(kept.path) == "2"


def test_write_at_the_end_leaves_nothing_to_save_later(
    tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    kept = ExecutedNotebook(tmp_path / "kept.ipynb", str)
    for number in range(2):
        kept.content = notebook(f"{number}")
        kept.save(loop)

    kept.write()

    assert source_at(kept.path) == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.ipynb"]


def test_notebook_that_cannot_be_written_is_the_callers_to_tell(tmp_path: Path) -> None:
    kept = ExecutedNotebook(tmp_path / "absent" / "kept.ipynb", str)
    kept.content = notebook()

    with pytest.raises(FileNotFoundError):
        kept.write()
