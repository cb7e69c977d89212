"""Tells Sentry how runs go: one event for each failure, one transaction for each run, check-ins.

Not the stage that judges freshness: that is ``stages/monitor``, the library of ``50_monitor``.
"""
