"""The simulated source: bars made by a seeded function of asset and time, faults included.

Any window of any asset gives the same bars, whatever was asked before, in any order and process.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import chain
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from sentinel_lib.ingestion.dialects.dialect import dialect_of
from sentinel_lib.ingestion.schedule import final_starts
from sentinel_lib.ingestion.source import Reading, Source
from sentinel_lib.ingestion.source_columns import fixed_columns
from sentinel_lib.records.bar import INTERVAL_SECONDS, ISO_8601
from sentinel_lib.records.payload import Payload, Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.sources import FilesOptions, SimulatedOptions

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

NAME = "simulated"
_WRITTEN = FilesOptions(date_format=ISO_8601, delimiter=",", decimal=".")
NOT_A_NUMBER_TEXT = "n.m."

_SECONDS_A_DAY = 86_400
_WIDEST_WICK = 0.006
_OCTAVES = range(-11, 10)
"""Waves of 2^k days: from about a minute to a year and a half."""
_DAILY_AMPLITUDE = 0.008
_LOWEST_LEVEL, _LEVEL_RANGE = 12.0, 480.0
_LARGEST_UNSIGNED_53_BITS = float(2**53)
_DAY_FORM, _TIME_FORM = "%Y-%m-%d", "%Y-%m-%dT%H%MZ"


class SimulatedSource(Source):
    """Bars that follow each asset's calendar up to the window's end, in CSV."""

    options: SimulatedOptions
    assets: Mapping[str, Asset]

    def fetch(self, windows: Sequence[Window]) -> Iterator[Payload]:
        """One payload per window that has a bar."""
        for window in windows:
            asset = self.assets[window.symbol]
            starts = self._delivered(asset, window)
            lines = self._lines(asset, starts)
            if lines:
                header = ",".join(("timestamp", *asset.columns))
                span = f"{_name_of(starts[0])}..{_name_of(starts[-1])}"
                yield Payload(
                    source=NAME,
                    locator=f"{NAME}/{window.symbol}/{span}.csv",
                    content="\n".join([header, *lines, ""]).encode(),
                    symbol=window.symbol,
                )

    def read(self, payload: Payload) -> Reading:
        """Open a payload of its own, with the reader that files have."""
        dialect = dialect_of(payload.content, _WRITTEN, {}, payload.locator)
        positions = dialect.roles.fields()
        return Reading(
            NAME,
            partial(dialect.bars, payload.symbol or ""),
            columns=lambda: fixed_columns(dialect.roles.names, positions),
            terms={"columns": positions, "symbol": payload.symbol},
        )

    def start_of(self, locator: str) -> datetime | None:
        start = re.search(r"/([^/]+)\.\.[^/]+$", locator)
        if start is None:
            return None
        form = _TIME_FORM if "T" in start[1] else _DAY_FORM
        return datetime.strptime(start[1], form).replace(tzinfo=UTC)

    def _delivered(self, asset: Asset, window: Window) -> list[datetime]:
        by_session = final_starts(asset, window.start, window.end)
        late = self.options.faults.late_sessions
        return list(chain.from_iterable(by_session[:-late] if late else by_session))

    def _lines(self, asset: Asset, starts: list[datetime]) -> list[str]:
        if not starts:
            return []
        seconds = INTERVAL_SECONDS[asset.interval]
        index = np.array([int(start.timestamp()) // seconds for start in starts], np.int64)
        cells = self._cells(asset, index, seconds / _SECONDS_A_DAY)
        form = _DAY_FORM if asset.is_daily else "%Y-%m-%dT%H:%M:%SZ"
        times = [start.strftime(form) for start in starts]
        lines = [",".join(row) for row in zip(times, *cells.values(), strict=True)]
        gap = self._strikes(asset, "gaps", index)
        twice = self._strikes(asset, "duplicates", index)
        return [
            line
            for at, line in enumerate(lines)
            for _ in range(0 if gap[at] else 2 if twice[at] else 1)
        ]

    def _cells(self, asset: Asset, index: Integers, days: float) -> dict[str, list[str]]:
        """The text of each field of each bar, row faults planted."""
        prices, volumes = self._bars(asset, index, days)
        swapped = self._strikes(asset, "high_below_low", index)
        high, low = prices["high"], prices["low"]
        prices["high"], prices["low"] = np.where(swapped, low, high), np.where(swapped, high, low)
        cells = {name: [_price(cents) for cents in prices[name].tolist()] for name in prices}
        cells["volume"] = [str(volume) for volume in volumes.tolist()]
        wrong = self._strikes(asset, "wrong_types", index)
        in_close = uniform(self._key(asset, "wrong close"), index) < 0.5
        for at in np.flatnonzero(wrong):
            has_volume = "volume" in asset.columns
            cells["volume" if has_volume and not in_close[at] else "close"][at] = NOT_A_NUMBER_TEXT
        for at in np.flatnonzero(self._strikes(asset, "nulls", index)):
            cells["close"][at] = ""
        return {name: cells[name] for name in asset.columns}

    def _bars(
        self, asset: Asset, index: Integers, days: float
    ) -> tuple[dict[str, Integers], Integers]:
        path = PricePath(self.options.seed, asset.asked_as, self.options.start_price)
        opened = _cents(path.at(index.astype(np.float64) * days))
        closed = _cents(path.at((index.astype(np.float64) + 1.0) * days))
        above, below = (
            uniform(self._key(asset, name), index) * _WIDEST_WICK * sqrt(days)
            for name in ("above", "below")
        )
        top, bottom = np.maximum(opened, closed), np.minimum(opened, closed)
        prices = {
            "open": opened,
            "high": top + 1 + (top * above).astype(np.int64),
            "low": np.maximum(bottom - (bottom * below).astype(np.int64), 1),
            "close": closed,
        }
        typical = 50_000 + int(key_of(self.options.seed, asset.asked_as, "volume")) % 5_000_000
        share = 0.4 + uniform(self._key(asset, "volume"), index)
        return prices, (typical * days * share).astype(np.int64) + 1

    def _strikes(self, asset: Asset, fault: str, index: Integers) -> NDArray[np.bool_]:
        fraction: float = getattr(self.options.faults, fault)
        return uniform(self._key(asset, fault), index) < fraction

    def _key(self, asset: Asset, purpose: str) -> np.uint64:
        return key_of(self.options.seed, asset.asked_as, asset.interval, purpose)


def _cents(price: Floats) -> Integers:
    return np.maximum(np.rint(price * 100.0), 1.0).astype(np.int64)


def _price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _name_of(start: datetime) -> str:
    midnight = start.astimezone(UTC).time() == datetime.min.time()
    return start.strftime(_DAY_FORM if midnight else _TIME_FORM)


class PricePath:
    """The price of one asset at any time, in its quote currency, the same on every machine.

    Only additions, multiplications, divisions and roots are used, which all machines round alike;
    ``exp`` and ``pow`` would make two of them differ in the last cent.
    """

    def __init__(self, seed: int, name: str, start_price: float | None) -> None:
        self._keys = [key_of(seed, name, "octave", octave) for octave in _OCTAVES]
        at = uniform(key_of(seed, name, "level"), np.zeros(1, np.int64))[0]
        self._level = start_price or _LOWEST_LEVEL + _LEVEL_RANGE * at * at

    def at(self, days: Floats) -> Floats:
        """The price ``days`` after the epoch: a sum of smooth noises, slow ones larger."""
        total = np.zeros_like(days)
        for octave, key in zip(_OCTAVES, self._keys, strict=True):
            position = days / 2.0**octave
            lattice = np.floor(position)
            here, share = lattice.astype(np.int64), position - lattice
            smooth = share * share * (3.0 - 2.0 * share)
            before, after = uniform(key, here), uniform(key, here + 1)
            wave = before + (after - before) * smooth - 0.5
            total += 2.0 * _DAILY_AMPLITUDE * sqrt(2.0**octave) * wave
        growth: Floats = self._level * (2.0 + total) / (2.0 - total)
        return growth


def key_of(*parts: object) -> np.uint64:
    """A number that stands for ``parts``, the same in every process."""
    written = "\x1f".join(str(part) for part in parts)
    return np.uint64(int.from_bytes(sha256(written.encode()).digest()[:8], "big"))


def uniform(key: np.uint64, index: Integers) -> Floats:
    """A random number in [0, 1) for each index (splitmix64)."""
    mixed = key + (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / _LARGEST_UNSIGNED_53_BITS
