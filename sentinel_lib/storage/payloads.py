"""The payload archive: every payload a source ever gave, byte for byte, stored once."""

import gzip
import hashlib
from codecs import BOM_UTF8
from pathlib import Path

from sentinel_lib.errors import StorageError
from sentinel_lib.storage import artifacts
from sentinel_lib.storage.layout import HALF_WRITTEN, Layout

_GZIP = b"\x1f\x8b"
_NOT_LINES = (b"PAR1", b"{", b"[")
"""How Parquet and JSON begin: their rows are not lines."""


class PayloadArchive:
    """Payloads by the sha256 of their content, under ``bronze/payloads`` of the data folder."""

    def __init__(self, data: Path) -> None:
        self.layout = Layout(data)

    def store(self, content: bytes) -> str:
        """Keep ``content``, unless it is there unaltered, and give its sha256."""
        digest = hashlib.sha256(content).hexdigest()
        path = self.layout.payload(digest)
        if self.problem(digest):
            # one name for all, for a killed run's payload may never come again
            artifacts.replace(path, content, self.layout.payloads / f".payload{HALF_WRITTEN}")
        return digest

    def holds(self, digest: str) -> bool:
        """Whether there is a payload with that sha256."""
        return self.layout.payload(digest).exists()

    def load(self, digest: str) -> bytes:
        """The payload with that sha256; one that is missing or altered is a ``StorageError``."""
        content, problem = self._read(digest)
        if problem:
            raise StorageError(
                f"payload {digest} is lost: {problem}",
                next_step="python run_pipeline.py verify --quick, which asks its source for it",
            )
        return content

    def problem(self, digest: str) -> str:
        """What is wrong with the payload of that sha256; nothing, if it is what was stored."""
        return self._read(digest)[1]

    def lines(self, digest: str) -> list[bytes]:
        """The lines of a text payload, the first being line 1 of the file; none of another kind."""
        content = self.load(digest)
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        if content.startswith(_NOT_LINES):
            return []
        return content.removeprefix(BOM_UTF8).splitlines()

    def _read(self, digest: str) -> tuple[bytes, str]:
        """The bytes, and what is wrong with them."""
        path = self.layout.payload(digest)
        try:
            content = path.read_bytes()
        except OSError as unreadable:
            return b"", f"{path} cannot be read: {unreadable.strerror or unreadable}"
        is_intact = hashlib.sha256(content).hexdigest() == digest
        return content, "" if is_intact else f"{path} has been altered"
