"""What a stage notebook works with: the library's top for notebooks."""

from sentinel_lib.stages.origin import open_stage
from sentinel_lib.stages.stage import Stage
from sentinel_lib.storage.frames import first_rows

__all__ = ["Stage", "first_rows", "open_stage"]
