"""Kernels of both kinds, and a look at what they leave behind."""

from __future__ import annotations

import shutil
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sentinel_lib.notebook_runner import Kernels
from tests import processes


@pytest.fixture(scope="module", params=["forked", "ordinary"])
def kernels(request: pytest.FixtureRequest) -> Iterator[Kernels]:
    """Kernels for all tests of a file: the template takes seconds to load."""
    fallbacks: list[str] = []
    with Kernels(fork=request.param == "forked", on_fallback=fallbacks.append) as kernels:
        yield kernels
    assert fallbacks == []


@pytest.fixture
def kernel_processes() -> Callable[[], list[psutil.Process]]:
    """Looks for the kernels of this process that are there, and stay."""

    others = set(processes.children())  # those of other tests' fixtures

    def find() -> list[psutil.Process]:
        found = [child for child in processes.children() if child not in others]
        templates = [child for child in found if "template.py" in " ".join(child.cmdline())]
        first = min(templates, key=lambda child: child.create_time(), default=None)
        kernels = [child for child in found if child != first]
        return [] if processes.gone(kernels) else kernels

    return find


@pytest.fixture
def temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go in this test; its path is short, as those of sockets must be."""
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def in_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Templates that load little, for the time that takes; what the fixture gives has them run
    another program instead, before they load anything.
    """

    def plant(program: str) -> None:
        only_there = "import sys\nif any('template.py' in word for word in sys.orig_argv):\n"
        planted = only_there + textwrap.indent(program, "    ")
        (tmp_path / "sitecustomize.py").write_text(planted)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    heavy = ("pandas", "pyarrow", "ibis", "scipy", "sqlalchemy", "altair", "great_expectations")
    plant(f"sys.modules.update(dict.fromkeys({heavy}))  # importing one of them is an error")
    return plant
