"""Tells Sentry how runs go: one event for each failure, one transaction for each run, check-ins.

Without a ``SENTRY_DSN`` nothing is sent, and the SDK is not imported.
"""

from sentinel_lib.monitoring.monitor import Monitor, watching

__all__ = ["Monitor", "watching"]
