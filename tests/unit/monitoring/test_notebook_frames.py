from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ipykernel.compiler import XCachingCompiler
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from sentinel_lib.monitoring.notebook_frames import frames, plain
from sentinel_lib.settings.project import PROJECT_ROOT

NOTEBOOK = "20_validate.ipynb"
RULE = "-" * 75


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    """What runs the cells of a kernel, in this process."""
    config = Config({"HistoryManager": {"enabled": False}})
    yield InteractiveShell.instance(config=config, compiler_class=XCachingCompiler)
    InteractiveShell.clear_instance()


def traceback_of(shell: InteractiveShell, *cells: str) -> list[str]:
    """The traceback that the last of ``cells`` leaves in a notebook."""
    shown: list[list[str]] = []
    shell._showtraceback = lambda _type, _value, lines: shown.append(lines)
    for cell in cells:
        shell.run_cell(cell, store_history=True)
    return shown[-1]


def test_cell_that_raises_is_a_frame_with_the_line_and_what_stands_around_it(
    shell: InteractiveShell,
) -> None:
    traceback = traceback_of(shell, "rows = [1]\nif rows:\n    raise ValueError('no')\nafter = 1")

    [frame] = frames(traceback, NOTEBOOK)

    assert (frame["filename"], frame["function"], frame["lineno"]) == (NOTEBOOK, "<cell>", 3)
    assert frame["in_app"]
    assert frame["pre_context"] == ["rows = [1]", "if rows:"]
    assert frame["context_line"] == "    raise ValueError('no')"
    assert frame["post_context"] == ["after = 1"]


def test_frames_go_from_the_cell_into_the_libraries_without_saying_where_those_are(
    shell: InteractiveShell,
) -> None:
    cell = (
        "from sentinel_lib.settings.pipeline import load_pipeline\n"
        "from pathlib import Path\nimport json, yaml\n"
        "def load():\n    yaml.safe_load('[')\n"
        "load()"
    )
    other = "from sentinel_lib import read_table\nread_table('gold.daily', as_of='never')"

    found = frames(traceback_of(shell, cell), NOTEBOOK)
    ours = frames(traceback_of(shell, other), NOTEBOOK)

    assert [frame["function"] for frame in found[:3]] == ["<cell>", "load", "safe_load"]
    assert (found[2]["filename"], found[2]["in_app"]) == ("yaml/__init__.py", False)
    assert ours[1]["filename"] == "sentinel_lib/__init__.py"
    assert (ours[1]["module"], ours[1]["function"]) == ("sentinel_lib", "read_table")
    assert ours[1]["in_app"]
    assert str(PROJECT_ROOT) not in str(found + ours)
    assert str(Path.home()) not in str(found + ours)


def test_of_errors_raised_from_one_another_the_frames_are_those_of_the_last(
    shell: InteractiveShell,
) -> None:
    cell = "def load():\n    try:\n        {}['a']\n    except KeyError as e:\n"
    traceback = traceback_of(shell, f"{cell}        raise ValueError('b') from e\nload()")

    found = frames(traceback, NOTEBOOK)

    assert [(frame["function"], frame["lineno"]) for frame in found] == [("<cell>", 6), ("load", 5)]


def test_syntax_error_is_a_frame_with_the_line_that_is_none(shell: InteractiveShell) -> None:
    traceback = traceback_of(shell, "y = 1\nx = = 1")

    [frame] = frames(traceback, NOTEBOOK)

    assert (frame["lineno"], frame["context_line"]) == (2, "x = = 1")


def test_plain_traceback_has_no_colours(shell: InteractiveShell) -> None:
    assert "\x1b" not in plain(traceback_of(shell, "1 / 0"))


@pytest.mark.parametrize(
    "traceback",
    [
        [],
        [""],
        ["DeadKernelError: Kernel died"],
        [RULE, "ValueError  Traceback (most recent call last)", "ValueError: no"],
        ["Traceback (most recent call last):\n  File '<stdin>', line 1"],
    ],
)
def test_traceback_without_frames_gives_none(traceback: list[str]) -> None:
    assert frames(traceback, NOTEBOOK) == []


def test_file_outside_the_project_and_the_libraries_is_known_by_its_name() -> None:
    [frame] = frames(["File /home/somebody/notes/odd.py:3, in f(x)\n----> 3 g()"], NOTEBOOK)

    assert (frame["filename"], frame["function"], frame["in_app"]) == ("odd.py", "f", False)
