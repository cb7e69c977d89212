"""Kernels of both kinds, and a look at what they leave behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sentinel_lib.notebook_runner import Kernels


@pytest.fixture(scope="module", params=["forked", "ordinary"])
def kernels(request: pytest.FixtureRequest) -> Iterator[Kernels]:
    """Kernels for all tests of a file: the template takes seconds to load."""
    fallbacks: list[str] = []
    with Kernels(fork=request.param == "forked", on_fallback=fallbacks.append) as kernels:
        yield kernels
    assert fallbacks == []


@pytest.fixture
def kernel_processes() -> Callable[[], list[psutil.Process]]:
    """Looks for the kernels of this process that are there, or are still there a second later."""

    def find() -> list[psutil.Process]:
        children = psutil.Process().children(recursive=True)
        templates = [child for child in children if "template.py" in " ".join(child.cmdline())]
        first = min(templates, key=lambda child: child.create_time(), default=None)
        return psutil.wait_procs([child for child in children if child != first], timeout=1)[1]

    return find


@pytest.fixture
def temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go in this test; its path is short, as those of sockets must be."""
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    shutil.rmtree(folder)
