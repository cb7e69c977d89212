"""How the files of ``--input`` were read, in a line for each."""

import json
from collections.abc import Mapping

from sentinel_lib.errors import listed
from sentinel_lib.ingestion.fetches import Parsed
from sentinel_lib.settings.assets import Asset


def readings(parsed: Parsed, assets: Mapping[str, Asset]) -> dict[str, str]:
    """By locator how each file was read, and as what bars of which assets."""
    lines = {}
    for logged in parsed.log:
        words = json.loads(logged.reading or "{}").get("words", logged.source)
        symbols = [symbol for symbol in logged.symbols if symbol in assets]
        known = (assets[symbol] for symbol in symbols)
        terms = [f"{asset.interval} bars, {asset.calendar}, {asset.fields}" for asset in known]
        shown = listed(dict.fromkeys(terms), separator=" or ")
        lines[logged.locator] = f"{words}; {listed(symbols)}: {shown}"
    return lines
