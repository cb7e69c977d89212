"""What one would write without this project's runner: Papermill in a loop, then HTMLExporter.

``plain_loop.py CONFIG DATA REPORTS AS_OF [--immediate]``. ``--immediate`` kills each kernel at its
end instead of letting the interpreter shut down, which Papermill passes through to nbclient.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import papermill
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Execute the five notebooks as they are, and make a page of each."""
    config, data, reports, as_of = sys.argv[1:5]
    options = {"shutdown_kernel": "immediate"} if "--immediate" in sys.argv else {}
    folder = Path(reports)
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {"run_id": "plain-loop", "as_of": as_of, "config_dir": config, "data_dir": data}
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        executed = folder / notebook.name
        papermill.execute_notebook(
            str(notebook), str(executed), parameters, progress_bar=False, cwd=str(ROOT), **options
        )
        page, _ = HTMLExporter().from_notebook_node(nbformat.read(executed, as_version=4))
        executed.with_suffix(".html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
