"""The kernels of this project: where they work, and what they have imported when they start."""

from collections.abc import Callable, Iterable

from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.reachable_code import ReachableCode
from sentinel_lib.settings.calendar_names import ENDLESS, SETTLED_YEARS
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

STAGES = (
    "~deltalake", "./sentinel_lib.stages", "./sentinel_lib.stages.ingest",
    "./sentinel_lib.stages.validate", "./sentinel_lib.stages.promote_silver",
    "./sentinel_lib.stages.build_gold", "./sentinel_lib.stages.monitor",
)  # fmt: skip
"""The library of the notebooks: 0.5 s. Delta Lake comes later: a process that has the thread which
it starts cannot be forked.
"""

GATE = (
    "~scipy.stats", "~altair", "great_expectations",
    "great_expectations.expectations", "great_expectations.core.expectation_suite",
)  # fmt: skip
"""What a gate needs besides: 1.5 s, and 1.2 s less without what only expectations about
distributions need.
"""


class ProjectKernels(KernelPool):
    """Kernels at the project's root, which begin with the library imported and ``calendars`` built.

    See ``KernelPool`` for the other arguments.
    """

    def __init__(
        self, *, fork: bool, on_fallback: Callable[[str], None], calendars: Iterable[str] = ()
    ) -> None:
        modules = ((*ESSENTIAL, *STAGES, *_built(calendars)), GATE)
        super().__init__(PROJECT_ROOT, modules, fork=fork, on_fallback=on_fallback)
        self._library: dict[str, str] = {}

    def renew(self) -> None:
        """Let the next kernels have the library as it is now, if it is not as it was last time."""
        if (library := _library()) != self._library:
            self.end_template()
            self._library = library


def _library() -> dict[str, str]:
    return ReachableCode().digests([f"import {entry[2:]}" for entry in STAGES[1:]])


def _built(calendars: Iterable[str]) -> list[str]:
    """What builds them: the library keeps of each the one that it has built last."""
    start, end = SETTLED_YEARS
    exchanges = sorted(set(calendars) - set(ENDLESS))
    return [f"exchange_calendars:get_calendar:{name}:{start}-01-01:{end}-12-31"
            for name in exchanges]  # fmt: skip
