"""The simulated source: bars made by a seeded function of asset and time, faults included.

Any window of any asset gives the same bars, whatever was asked before, in any order and process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from sentinel_lib.errors import ConfigError
from sentinel_lib.ingestion import columns, delimited
from sentinel_lib.ingestion.price_path import Floats, Integers, PricePath, key_of, uniform
from sentinel_lib.ingestion.schedule import DAILY, final_starts
from sentinel_lib.ingestion.source import Reading
from sentinel_lib.ingestion.source_columns import fixed_columns
from sentinel_lib.records.bar import INTERVAL_SECONDS
from sentinel_lib.records.payload import Payload, Window
from sentinel_lib.settings.assets import Asset
from sentinel_lib.settings.sources import SimulatedOptions

NAME = "simulated"
NOT_A_NUMBER_TEXT = "n.m."
HIGHEST_START_PRICE = 1e9

_SECONDS_A_DAY = 86_400
_WIDEST_WICK = 0.006


class SimulatedSource:
    """Bars that follow each asset's calendar up to the window's end, in CSV."""

    def __init__(self, options: SimulatedOptions, assets: Mapping[str, Asset]) -> None:
        if (options.start_price or 0) > HIGHEST_START_PRICE:
            raise ConfigError(
                f"start_price {options.start_price} of the simulated source is too high",
                expected=f"at most {HIGHEST_START_PRICE:.0f}",
                next_step="lower start_price in assets.yaml",
            )
        self._options = options
        self._assets = assets

    def fetch(self, windows: Sequence[Window]) -> Iterator[Payload]:
        """One payload per window that has a bar."""
        for window in windows:
            starts = self._delivered(window)
            lines = self._lines(self._assets[window.symbol], starts)
            if lines:
                name = f"{_name_of(starts[0])}..{_name_of(starts[-1])}.csv"
                yield Payload(
                    source=NAME,
                    locator=f"{NAME}/{window.symbol}/{name}",
                    content="\n".join([self._header(window.symbol), *lines, ""]).encode(),
                    symbol=window.symbol,
                )

    def read(self, payload: Payload) -> Reading:
        """Open a payload of its own, with the reader that files have."""
        text, where = payload.content, payload.locator
        header = delimited.header_of(text, ",", where)
        positions = columns.match(header.names, {}, where)
        bars = partial(delimited.read_rows, text, header, positions, where, symbol=payload.symbol)
        return Reading(
            NAME,
            bars,
            columns=lambda _: fixed_columns(header.names, positions),
            terms={"columns": positions, "symbol": payload.symbol},
        )

    def asset_of(self, payload: Payload) -> str | None:
        return payload.symbol

    def serves(self, payload: Payload) -> bool:
        """Each payload is of the asset that it was asked for."""
        return payload.symbol in self._assets

    def _header(self, symbol: str) -> str:
        return ",".join(("timestamp", *self._assets[symbol].columns))

    def _delivered(self, window: Window) -> list[datetime]:
        by_session = [starts for _, starts in final_starts(self._assets[window.symbol], window)]
        late = self._options.faults.late_sessions
        return list(chain.from_iterable(by_session[:-late] if late else by_session))

    def _lines(self, asset: Asset, starts: list[datetime]) -> list[str]:
        if not starts:
            return []
        seconds = INTERVAL_SECONDS[asset.interval]
        index = np.array([int(start.timestamp()) // seconds for start in starts], np.int64)
        cells = self._cells(asset, index, seconds / _SECONDS_A_DAY)
        daily = asset.interval == DAILY
        times = [
            f"{start:%Y-%m-%d}" if daily else f"{start:%Y-%m-%dT%H:%M:%SZ}" for start in starts
        ]
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
        path = PricePath(self._options.seed, asset.asked_as, self._options.start_price)
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
        typical = 50_000 + int(key_of(self._options.seed, asset.asked_as, "volume")) % 5_000_000
        share = 0.4 + uniform(self._key(asset, "volume"), index)
        return prices, (typical * days * share).astype(np.int64) + 1

    def _strikes(self, asset: Asset, fault: str, index: Integers) -> NDArray[np.bool_]:
        fraction: float = getattr(self._options.faults, fault)
        return uniform(self._key(asset, fault), index) < fraction

    def _key(self, asset: Asset, what: str) -> np.uint64:
        return key_of(self._options.seed, asset.asked_as, asset.interval, what)


def _cents(price: Floats) -> Integers:
    return np.maximum(np.rint(price * 100.0), 1.0).astype(np.int64)


def _price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _name_of(start: datetime) -> str:
    midnight = start.astimezone(UTC).time() == datetime.min.time()
    return f"{start:%Y-%m-%d}" if midnight else f"{start:%Y-%m-%dT%H%MZ}"
