"""A project whose stages say what a file tells them to say, and configuration folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
from tests import tiny_project


@pytest.fixture(scope="session")
def kernels() -> Iterator[KernelPool]:
    """One template for all runs of this process: to start one takes longer than most of them."""
    with ProjectKernels(fork=True, on_fallback=pytest.fail) as started:
        yield started


@pytest.fixture
def project(tmp_path: Path, kernels: KernelPool) -> tiny_project.Project:
    return tiny_project.make(tmp_path, kernels)


@pytest.fixture
def config_with(tmp_path: Path) -> Callable[[str, str], Path]:
    """``config_with("assets.yaml", text)`` is a folder that holds that file."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return tmp_path / "config"

    return write
