"""What a command says on standard output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def say(shown: Mapping[str, Any] | str) -> None:
    """Print an answer: words, or one JSON object."""
    print(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False))
