"""The kernels of this project: where they work, and what they have imported when they start."""

from collections.abc import Callable

from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.settings.project import PROJECT_ROOT

ESSENTIAL = (
    "pandas", "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell",
    "ipykernel.displayhook", "ipykernel.debugger", "IPython.core.completerlib",
    "IPython.core.debugger", "IPython.core.oinspect", "IPython.extensions.storemagic",
    "tornado.platform.asyncio", "pyarrow.parquet", "pyarrow.dataset", "pyarrow.compute",
    "pyarrow.csv", "duckdb", "pyarrow.acero", "pyarrow_hotfix", "pandas.io.formats.html",
    "pandas.io.formats.string", "ibis", "ibis.backends.duckdb", "ibis.backends.duckdb.converter",
    "ibis.formats.pandas", "ibis.expr.types.groupby", "yaml", "pydantic", "pydantic.networks",
    "pydantic_settings", "structlog", "exchange_calendars", "filelock", "httpx", "tenacity",
    "multiprocessing.synchronize",
)  # fmt: skip
"""What every stage needs: 1.5 s."""

GATE = (
    "scipy.stats", "altair", "great_expectations",
    "great_expectations.expectations", "great_expectations.core.expectation_suite",
)  # fmt: skip
"""What a gate needs besides: 2.5 s, in pieces, between which requests are served."""


def project_kernels(*, fork: bool, on_fallback: Callable[[str], None]) -> KernelPool:
    """Kernels at the project's root; see ``KernelPool`` for the arguments."""
    return KernelPool(PROJECT_ROOT, (ESSENTIAL, GATE), fork=fork, on_fallback=on_fallback)
