"""A fetch made once more: its source asked for the same thing, for a payload that is lost."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from sentinel_lib.errors import SourceError
from sentinel_lib.ingestion import files, kraken, simulated
from sentinel_lib.ingestion.batch import sources_of
from sentinel_lib.records.payload import Payload, Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.project import in_project

_BEGINNINGS = {
    simulated.NAME: re.compile(r"/([^/]+)\.\.[^/]+$"),
    kraken.NAME: re.compile(r"[?&]since=(\d+)$"),
}
"""What of a locator says from where on bars were asked for."""


def fetch_again(source: str, locator: str, asset: Asset | None, as_of: datetime) -> bytes:
    """What ``source`` has today for what it gave as ``locator`` at ``as_of``.

    ``asset`` is the one that was asked for, with the terms of that time; files are not asked for
    by asset. Raises ``SourceError`` if there is nothing, or it cannot be asked for in that way.
    """
    if source == files.NAME:
        return _file(in_project(locator))
    beginning = _BEGINNINGS[source].search(locator) if source in _BEGINNINGS else None
    if asset is None or asset.source != source or beginning is None:
        raise SourceError(f"{source} cannot be asked for {locator} again")
    window = Window(asset.symbol, _moment(beginning[1]), as_of)
    ((_, reached),) = sources_of({asset.symbol: asset})
    for answer in reached.fetch([window]):
        if isinstance(answer, Payload):
            return answer.content
        raise SourceError(answer.reason)
    raise SourceError(f"{source} has no bar for {locator} any more")


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as unreadable:
        raise SourceError(
            f"{path} cannot be read: {unreadable.strerror or unreadable}"
        ) from unreadable


def _moment(text: str) -> datetime:
    if text.isdecimal():
        return datetime.fromtimestamp(int(text) + 1, UTC)
    form = "%Y-%m-%dT%H%MZ" if "T" in text else "%Y-%m-%d"
    return datetime.strptime(text, form).replace(tzinfo=UTC)
