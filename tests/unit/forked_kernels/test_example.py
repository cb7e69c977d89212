"""The example in the package's docstring."""

from __future__ import annotations

import textwrap
from pathlib import Path

import nbformat
import pytest

from sentinel_lib import forked_kernels
from tests.processes import children, gone

pytestmark = pytest.mark.usefixtures("in_template")


def test_example_runs_each_notebook_in_a_kernel_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert forked_kernels.__doc__ is not None
    example = textwrap.dedent(forked_kernels.__doc__.partition("\n\n    ")[2].join(["    ", ""]))
    cell = "import os\nos.getpid()"
    notebooks = [
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)]) for _ in range(2)
    ]
    others = set(children())

    exec(example, {"Path": Path, "notebooks": notebooks})

    kernels = {notebook.cells[0].outputs[0].data["text/plain"] for notebook in notebooks}
    assert len(kernels) == 2
    assert capsys.readouterr().out == ""
    assert gone(child for child in children() if child not in others)
