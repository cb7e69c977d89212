"""Configuration folders with one file each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str, str], Path]


@pytest.fixture
def config_with(tmp_path: Path) -> Write:
    """``config_with("assets.yaml", text)`` is a folder that holds that file."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return tmp_path / "config"

    return write
