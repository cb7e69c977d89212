from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinel_lib.reachable_code import ReachableCode, code_digest

NOTEBOOK = "from sentinel_lib.bars import Bar\nBar()"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """``bars`` imports ``text.words``; ``reports`` imports ``bars``, and nothing ``reports``."""
    modules = {
        "__init__.py": "",
        "bars.py": "def late():\n    from sentinel_lib.text import (\n        words,\n    )\n",
        "text/__init__.py": "",
        "text/words.py": "import pandas\n",
        "text/unused.py": "",
        "reports.py": "import sentinel_lib.bars\n",
    }
    for name, source in modules.items():
        path = tmp_path / "sentinel_lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return tmp_path


def test_what_a_notebook_imports_is_followed_through_functions_and_packages(library: Path) -> None:
    reached = ReachableCode(library).digests([NOTEBOOK])

    assert list(reached) == [
        "sentinel_lib", "sentinel_lib.bars", "sentinel_lib.text", "sentinel_lib.text.words",
    ]  # fmt: skip


def test_a_change_shows_in_the_module_that_was_changed_and_in_no_other(library: Path) -> None:
    before = ReachableCode(library).digests([NOTEBOOK])
    (library / "sentinel_lib" / "text" / "words.py").write_text("import numpy\n")
    (library / "sentinel_lib" / "reports.py").write_text("")

    after = ReachableCode(library).digests([NOTEBOOK])

    changed = [name for name in after if after[name] != before[name]]
    assert changed == ["sentinel_lib.text.words"]


def test_digest_of_a_notebook_is_about_its_code_and_what_that_reaches(library: Path) -> None:
    notebook = library / "gate.ipynb"
    cells = [
        {"cell_type": "markdown", "source": "# Gate"},
        {"cell_type": "code", "source": NOTEBOOK},
    ]

    def digest() -> str:
        notebook.write_text(json.dumps({"cells": cells}))
        return code_digest(ReachableCode(library).of_notebook(notebook))

    first = digest()
    (library / "sentinel_lib" / "reports.py").write_text("import json\n")
    cells[0]["source"] = "# The gate, in other words"
    same = digest()
    (library / "sentinel_lib" / "bars.py").write_text("import sentinel_lib.text\n")
    other_library = digest()
    cells[1]["source"] = NOTEBOOK + "  # edited"

    assert first == same
    assert len({first, other_library, digest()}) == 3


def test_the_stages_reach_what_they_use_and_not_what_runs_them() -> None:
    reached = ReachableCode().digests(["from sentinel_lib.stages import open_stage"])

    assert "sentinel_lib.settings.assets" in reached
    assert not [name for name in reached if name.startswith("sentinel_lib.pipeline")]
