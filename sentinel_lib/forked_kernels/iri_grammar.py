"""jsonschema without the grammar of IRIs, which takes half of its importers' import time.

Papermill (by nbformat) and Great Expectations (by altair) import jsonschema; that imports
``rfc3987_syntax``, which builds three parsers at once: 1.3 CPU seconds, for string formats
that nothing here has. Standard library only: the template runs this file as well.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

GRAMMAR = "rfc3987_syntax"


def import_jsonschema() -> None:
    """Import jsonschema, and leave the grammar for when an IRI is checked."""
    if GRAMMAR in sys.modules or "jsonschema" in sys.modules:
        return
    if importlib.util.find_spec(GRAMMAR) is None:
        return
    deferred = ModuleType(GRAMMAR)
    deferred.is_valid_syntax = _is_valid_syntax  # type: ignore[attr-defined]
    sys.modules[GRAMMAR] = deferred
    try:
        importlib.import_module("jsonschema")
    finally:
        # A thread may have imported the real one in between, which then stays.
        if sys.modules.get(GRAMMAR) is deferred:
            del sys.modules[GRAMMAR]


def _is_valid_syntax(term: str, value: str) -> bool:
    return bool(importlib.import_module(GRAMMAR).is_valid_syntax(term, value))
