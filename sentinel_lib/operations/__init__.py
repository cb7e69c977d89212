"""What is done to published data besides running the pipeline: compare, restore, rebuild, tidy."""

from sentinel_lib.operations.difference import Difference, difference
from sentinel_lib.operations.inspection import inspect
from sentinel_lib.operations.rebuild import Verification, verify
from sentinel_lib.operations.replacement import Replacement, repair, upgrade
from sentinel_lib.operations.retention import Tidied, vacuum
from sentinel_lib.operations.rollback import rollback
from sentinel_lib.operations.scratch import scratch_copy

__all__ = [
    "Difference",
    "Replacement",
    "Tidied",
    "Verification",
    "difference",
    "inspect",
    "repair",
    "rollback",
    "scratch_copy",
    "upgrade",
    "vacuum",
    "verify",
]
