"""A made-up price: a seeded function of asset and time, the same whatever was asked before.

Only additions, multiplications, divisions and roots are used, which every machine rounds alike;
``exp`` and ``pow`` are not, and would make two machines differ in the last cent.
"""

from __future__ import annotations

from hashlib import sha256
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_OCTAVES = range(-11, 10)
"""Waves of 2^k days: from about a minute to a year and a half."""
_DAILY_AMPLITUDE = 0.008
_LOWEST_LEVEL, _LEVEL_RANGE = 12.0, 480.0
_LARGEST_UNSIGNED_53_BITS = float(2**53)


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


class PricePath:
    """The price of one asset at any time, in its quote currency."""

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
