"""KernelPool of both kinds, and a look at what they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psutil
import pytest

from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.notebook_runner.project_kernels import ProjectKernels
from tests import processes


@pytest.fixture(scope="module", params=["forked", "ordinary"])
def kernels(request: pytest.FixtureRequest) -> Iterator[KernelPool]:
    """KernelPool for all tests of a file: the template takes seconds to load."""
    fallbacks: list[str] = []
    with ProjectKernels(fork=request.param == "forked", on_fallback=fallbacks.append) as kernels:
        yield kernels
    assert fallbacks == []


@pytest.fixture
def kernel_processes() -> Callable[[], list[psutil.Process]]:
    """Looks for the kernels of this process that are there, and stay."""

    others = set(processes.children())  # those of other tests' fixtures

    def find() -> list[psutil.Process]:
        children = [child for child in processes.children() if child not in others]
        templates = [child for child in children if "template.py" in " ".join(child.cmdline())]
        first = min(templates, key=lambda child: child.create_time(), default=None)
        kernels = [child for child in children if child != first]
        return [] if processes.gone(kernels) else kernels

    return find
