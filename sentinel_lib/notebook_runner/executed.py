"""The executed notebook on disk: never torn, hardly behind, and never with a secret in it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

SAVE_EVERY_SECONDS = 1.0
_STRUCTURE = ("cell_type", "output_type")


class ExecutedNotebook:
    """What becomes of a notebook while it runs; ``content`` is there once it was parameterised."""

    def __init__(self, path: Path, scrub: Callable[[str], str]) -> None:
        self.path = path
        self.content: NotebookNode | None = None
        self.scrub = scrub
        self._saved_at = -SAVE_EVERY_SECONDS
        self._later: asyncio.TimerHandle | None = None

    def save(self, loop: asyncio.AbstractEventLoop) -> None:
        """Keep the notebook as it is now; soon, if it was kept a moment ago."""
        wait = self._saved_at + SAVE_EVERY_SECONDS - time.monotonic()
        if wait <= 0:
            self.write()
        elif self._later is None:
            self._later = loop.call_later(wait, self._save_later)

    def write(self) -> None:
        """Keep the notebook as it is now."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self.content is None:
            return
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            part.write_text(nbformat.writes(scrubbed(self.content, self.scrub)), encoding="utf-8")
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)
        self._saved_at = time.monotonic()

    def _save_later(self) -> None:
        self._later = None
        with suppress(OSError):  # the next one raises it, at the latest the one at the end
            self.write()


def scrubbed(value: Any, scrub: Callable[[str], str]) -> Any:
    """A copy in which every text is scrubbed, keys too, but not what makes it a notebook."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        pairs = {
            scrub(key): item if key in _STRUCTURE else scrubbed(item, scrub)
            for key, item in value.items()
        }
        return NotebookNode(pairs) if isinstance(value, NotebookNode) else pairs
    if isinstance(value, list | tuple):
        return [scrubbed(item, scrub) for item in value]
    return value
