"""A project in a temporary folder, whose stages say what a file tells them to say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel_lib.notebook_runner import Kernels
from tests import tiny_project


@pytest.fixture(scope="session")
def kernels() -> Iterator[Kernels]:
    """One template for all runs of this process: to start one takes longer than most of them."""
    with Kernels(fork=True, on_fallback=pytest.fail) as started:
        yield started


@pytest.fixture
def project(tmp_path: Path, kernels: Kernels) -> tiny_project.Project:
    return tiny_project.make(tmp_path, kernels)
