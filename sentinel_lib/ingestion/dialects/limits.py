"""How large a payload may be once it is unpacked, whatever packs it."""

from sentinel_lib.errors import SourceError

LARGEST_UNPACKED_BYTES = 4 * 2**30


def require_room(size: int, locator: str) -> None:
    """Raise ``SourceError`` if a payload of ``size`` bytes, unpacked, is larger than is read."""
    if size > LARGEST_UNPACKED_BYTES:
        raise SourceError(
            f"{locator} unpacks to more than {LARGEST_UNPACKED_BYTES / 2**30:g} GiB",
            next_step="split it into smaller files",
        )
