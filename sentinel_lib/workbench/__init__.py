"""What a stage notebook works with: the library's top for notebooks."""

from sentinel_lib.storage.frames import first_rows
from sentinel_lib.workbench.opening import choose_assets, open_stage
from sentinel_lib.workbench.stage import Stage

__all__ = ["Stage", "choose_assets", "first_rows", "open_stage"]
