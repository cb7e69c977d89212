"""The resident service: runs the pipeline when it is due, and says how that goes."""

from sentinel_lib.service.resident import serve
from sentinel_lib.service.standing import from_records

__all__ = ["from_records", "serve"]
