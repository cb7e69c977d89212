"""What a person reads after a run: pages that need no network, no server and no script."""

from sentinel_lib.reporting.history import write_history
from sentinel_lib.reporting.notebook_page import render_notebook, render_substitute
from sentinel_lib.reporting.run_report import write_run_report

__all__ = ["render_notebook", "render_substitute", "write_history", "write_run_report"]
