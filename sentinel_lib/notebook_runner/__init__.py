"""Runs one notebook in a kernel of its own, and tells the truth about how that ended."""

from sentinel_lib.notebook_runner.execution import Cell, Execution, execute
from sentinel_lib.notebook_runner.kernels import Kernels
from sentinel_lib.notebook_runner.parameters import Parameter, inspect

__all__ = ["Cell", "Execution", "Kernels", "Parameter", "execute", "inspect"]
