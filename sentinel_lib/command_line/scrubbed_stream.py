"""Standard output and standard error without secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TextIO


class ScrubbedStream:
    """A text stream that takes the secrets out of whatever is written to it."""

    def __init__(self, stream: TextIO, scrub: Callable[[str], str]) -> None:
        self._stream = stream
        self._scrub = scrub

    def write(self, text: str) -> int:
        """Write ``text`` scrubbed; a secret that comes in two pieces is not seen."""
        self._stream.write(self._scrub(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
