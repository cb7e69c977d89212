"""Runs one notebook in a kernel of its own, and tells the truth about how that ended."""
