"""Runs one notebook in a kernel of its own, and tells the truth about how that ended."""

from sentinel_lib.forked_kernels.kernels import Kernels
from sentinel_lib.notebook_runner.execution import Cell, Execution, execute, warm
from sentinel_lib.notebook_runner.parameters import Parameter, inspect

__all__ = ["Cell", "Execution", "Kernels", "Parameter", "execute", "inspect", "warm"]
