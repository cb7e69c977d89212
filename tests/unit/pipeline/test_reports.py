from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sentinel_lib.pipeline import reports
from sentinel_lib.planning import plan
from tests import tiny_project


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")
def test_stopped_run_does_not_wait_for_its_pages(tmp_path: Path) -> None:
    made = plan.make(tiny_project.make(tmp_path).request(), tiny_project.NOW)
    made.report_folder.mkdir(parents=True)
    executed = made.report_folder / "ingest.ipynb"
    os.mkfifo(executed)  # whoever reads it waits until somebody writes
    pages = reports.NotebookPages(made)
    pages.add("ingest")

    pages.finish(lambda: True)

    page = executed.with_suffix(".html")
    assert "The run was stopped before its pages were made." in page.read_text()
    executed.write_text("{}")
    assert "The run was stopped" in page.read_text()
