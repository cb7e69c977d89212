from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinel_lib.errors import ConfigError
from sentinel_lib.notebook_runner.code_cells import Parameter, declared_parameters

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def notebook(folder: Path, *parameters_cells: str) -> Path:
    cells = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": [text]}
        for text in parameters_cells
    ]
    path = folder / "stage.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    return path


def test_parameters_are_read_with_name_type_and_default(tmp_path: Path) -> None:
    path = notebook(tmp_path, 'threads: int = 0  # 0 = all cores\nassets: str = ""\nlimit = 3')

    declared = declared_parameters(path)

    assert declared == {
        "threads": Parameter("threads", "int", "0"),
        "assets": Parameter("assets", "str", "''"),
        "limit": Parameter("limit", "", "3"),
    }


def test_notebook_without_a_parameters_cell_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"untagged\.ipynb: no cells are tagged 'parameters'"):
        declared_parameters(NOTEBOOKS / "untagged.ipynb")


def test_notebook_with_two_parameters_cells_is_refused(tmp_path: Path) -> None:
    path = notebook(tmp_path, "x: int = 1", "y: int = 2")

    with pytest.raises(ConfigError, match="2 cells are tagged"):
        declared_parameters(path)


def test_parameters_cell_that_is_not_python_is_refused_with_its_line(tmp_path: Path) -> None:
    path = notebook(tmp_path, "x: int = 1\ny: int = = 2")

    with pytest.raises(ConfigError) as refused:
        declared_parameters(path)

    assert refused.value.observed == "line 2: y: int = = 2"


def test_missing_notebook_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this notebook does not exist"):
        declared_parameters(tmp_path / "absent.ipynb")


@pytest.mark.parametrize("content", ["", "[]", '{"metadata": {}}', "\udcff"])
def test_file_that_is_no_notebook_is_a_configuration_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "stage.ipynb"
    path.write_bytes(content.encode(errors="surrogateescape"))

    with pytest.raises(ConfigError, match="cannot be read as a notebook"):
        declared_parameters(path)
