"""Runs the stages in order and says how that ended. It handles notebooks and never sees a frame."""

from sentinel_lib.pipeline.interruption import Terminated
from sentinel_lib.pipeline.progress import Progress, Silent
from sentinel_lib.pipeline.run import run
from sentinel_lib.planning.options import FailOn, RunOptions

__all__ = ["FailOn", "Progress", "RunOptions", "Silent", "Terminated", "run"]
