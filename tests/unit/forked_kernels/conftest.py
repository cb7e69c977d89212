"""Where the kernels of a test keep their files, and templates that load little."""

from __future__ import annotations

import shutil
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


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
