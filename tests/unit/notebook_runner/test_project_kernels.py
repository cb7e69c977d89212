"""What kernels of the project have imported when they start, and when they are given it anew."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from sentinel_lib.forked_kernels.kernel_pool import KernelPool
from sentinel_lib.notebook_runner import project_kernels
from sentinel_lib.notebook_runner.execution import execute
from sentinel_lib.notebook_runner.project_kernels import ProjectKernels

AT_THE_START = """
import json, os, sys
import exchange_calendars.calendar_utils as utils
names = ("sentinel_lib.stages.validate", "great_expectations", "deltalake", "scipy.stats", "altair")
there = {name: name in sys.modules for name in names}
built = sorted(utils.global_calendar_dispatcher._factory_output_cache)
print(json.dumps({"there": there, "built": built, "template": os.getppid()}))
"""
PUT_OFF = """
import importlib, json
core = "great_expectations.expectations.core.expect_column_kl_divergence_to_be_less_than"
gate = importlib.import_module(core)
import deltalake
from scipy import stats
from sentinel_lib.storage import delta_log
print(json.dumps([
    gate.stats.entropy([1], [1]), gate.stats.entropy is stats.entropy, gate.alt.Chart.__name__,
    delta_log.deltalake.DeltaTable is deltalake.DeltaTable,
]))
"""


def printed(kernels: KernelPool, folder: Path, code: str):
    """What the JSON that ``code`` prints in a new kernel says."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(notebook, folder / "asks.ipynb")
    executed = folder / "executed.ipynb"
    done = execute(
        folder / "asks.ipynb", executed, {}, timeout_seconds=60, on_cell=lambda cell: None,
        kernels=kernels, expects_next=False,
    )  # fmt: skip
    assert done.status == "ok", done.error
    cells = nbformat.read(executed, as_version=4).cells
    return json.loads("".join(output.text for output in cells[-1].outputs))


def test_kernels_start_with_all_that_takes_long_and_nothing_that_is_seldom_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProjectKernels(fork=True, on_fallback=pytest.fail, calendars=["XNYS", "24/7"]) as kernels:
        kernels.renew()
        first = printed(kernels, tmp_path, AT_THE_START)
        put_off = printed(kernels, tmp_path, PUT_OFF)
        kernels.renew()
        second = printed(kernels, tmp_path, AT_THE_START)
        monkeypatch.setattr(project_kernels, "_library", lambda: {"edited": "since"})
        kernels.renew()
        third = printed(kernels, tmp_path, AT_THE_START)

    assert first["there"] == {
        "sentinel_lib.stages.validate": True,
        "great_expectations": True,
        "deltalake": False,
        "scipy.stats": False,
        "altair": False,
    }
    assert first["built"] == ["XNYS"]
    assert put_off == [0.0, True, "Chart", True]
    assert second["template"] == first["template"] != third["template"]
