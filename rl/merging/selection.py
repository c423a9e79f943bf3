"""Which entries of a difference are kept: the largest by magnitude, exactly so many, from a stream.

The bits of a float's magnitude are ordered as the magnitudes are. So a histogram of their upper 16
bits, and one of the lower 16 bits of those that share the threshold's upper ones, give the k-th
largest magnitude of any number of entries exactly, in a pass or two and a few megabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rl.merging.floats import Floats

INFINITY = 0x7F800000
"""The bits of infinity; those of NaN are larger."""
_BINS = 1 << 16
"""Of a histogram."""
THREADS = 2
SAMPLE = 16
"""Every so manieth piece is in the sample."""
T = TypeVar("T")
Bits = NDArray[np.int32]
Counts = NDArray[np.int64]


class NotFinite(ValueError):
    """A difference holds an infinity or a NaN, so its entries have no order."""


@dataclass
class Selection:
    """Keeps magnitudes above a threshold, and the first `ties` of those that equal it.

    `threshold` is the bits of a float32. Pieces must come in the order of the stream.
    """

    threshold: int
    ties: int

    def mask(self, delta: Floats) -> Bits:
        """(n,) float32 -> (n,) int32 for the next entries: all bits set where one is kept, else none."""
        bits, below = magnitude_bits(delta), self.threshold
        if self.ties:
            equal = bits == self.threshold
            found = int(np.count_nonzero(equal))
            if found <= self.ties:
                below -= 1
            else:
                bits[np.flatnonzero(equal)[: self.ties]] += 1
            self.ties -= min(found, self.ties)
        np.subtract(below, bits, out=bits)
        np.right_shift(bits, 31, out=bits)
        return bits


def kept_only(mask: Bits, values: Floats) -> Floats:
    """(n,) float32 `values` where the mask is set, 0 elsewhere; in place."""
    bits = values.view(np.int32)
    bits &= mask
    return values


def where_kept(mask: Bits, values: Floats, others: Floats) -> Floats:
    """(n,) float32 `values` where the mask is set, elsewhere `others` to the bit; in place of `values`."""
    bits, other = values.view(np.int32), others.view(np.int32)
    bits ^= other
    bits &= mask
    bits ^= other
    return values


def magnitude_bits(delta: Floats) -> Bits:
    """(n,) float32 -> (n,) int32 that are ordered as the magnitudes are."""
    return delta.view(np.int32) & np.int32(0x7FFFFFFF)


def select_largest(pieces: Sequence[T], load: Callable[[T], Floats], total: int, count: int) -> Selection:
    """Keep exactly the `count` largest magnitudes of `total` float32 entries in pieces; of equals, the first.

    `load` gives the same piece at every call, from any thread. Errors: NotFinite.
    """
    if count <= 0:
        return Selection(INFINITY, 0)
    # A sample mostly tells the threshold's upper bits, and one pass then counts both halves.
    sample, _ = _count(pieces[::SAMPLE], load, None)
    guess, _ = _bin_of(sample, min(count * int(sample.sum()) // total + 1, int(sample.sum())))
    upper, lower = _count(pieces, load, guess)
    top, above = _bin_of(upper, count)
    if top != guess:
        _, lower = _count(pieces, load, top)
    bottom, more = _bin_of(lower, count - above)
    return Selection(top << 16 | bottom, count - above - more)


def select_held(deltas: Sequence[Floats], count: int) -> Selection:
    """The same of pieces that are all in memory, and quicker; takes 4 bytes an entry. Errors: NotFinite."""
    if count <= 0:
        return Selection(INFINITY, 0)
    bits = np.empty(sum(map(len, deltas)), np.int32)
    end = 0
    for delta in deltas:
        start, end = end, end + len(delta)
        np.bitwise_and(delta.view(np.int32), 0x7FFFFFFF, out=bits[start:end])
    if bits.max() >= INFINITY:
        raise NotFinite
    # A value that many entries share is slow to partition by, and mostly the sample's, too.
    sample = np.sort(bits[:: 1 + len(bits) // 10_000])
    threshold = sample[len(sample) - 1 - count * (len(sample) - 1) // len(bits)]
    above = np.count_nonzero(bits > threshold)
    if not above < count <= np.count_nonzero(bits >= threshold):
        first = len(bits) - count
        bits.partition(first)
        threshold = bits[first]
        above = np.count_nonzero(bits[first:] > threshold)
    return Selection(int(threshold), count - int(above))


def _count(pieces: Sequence[T], load: Callable[[T], Floats], top: int | None) -> tuple[Counts, Counts]:
    """Histograms of the entries' upper bits, and of the lower bits of those whose upper ones are `top`."""

    def part(own: Sequence[T]) -> tuple[Counts, Counts]:
        upper, lower = np.zeros(_BINS, np.int64), _Lower()
        for piece in own:
            bits = magnitude_bits(load(piece))
            high = bits >> 16
            found = np.bincount(high)
            upper[: len(found)] += found
            if top is not None:
                lower.add(bits[high == top] & np.int32(0xFFFF))
        return upper, lower.counted()

    with ThreadPoolExecutor(THREADS) as threads:
        uppers, lowers = zip(*threads.map(part, [pieces[i::THREADS] for i in range(THREADS)]), strict=True)
    upper = np.sum(uppers, axis=0)
    if upper[INFINITY >> 16 :].any():
        raise NotFinite
    return upper, np.sum(lowers, axis=0)


class _Lower:
    """A histogram of lower bits: few at a time, so they are gathered before they are counted."""

    def __init__(self) -> None:
        self._histogram = np.zeros(_BINS, np.int64)
        self._waiting: list[Bits] = []

    def add(self, values: NDArray[np.int32]) -> None:
        self._waiting.append(values)
        if sum(map(len, self._waiting)) >= _BINS:
            self._flush()

    def counted(self) -> Counts:
        if self._waiting:
            self._flush()
        return self._histogram

    def _flush(self) -> None:
        self._histogram += np.bincount(np.concatenate(self._waiting), minlength=_BINS)
        self._waiting = []


def _bin_of(histogram: Counts, count: int) -> tuple[int, int]:
    """The bin that holds the `count`-th largest entry, and how many entries lie in higher bins."""
    from_above = histogram[::-1].cumsum()
    place = int(np.searchsorted(from_above, count))
    return len(histogram) - 1 - place, int(from_above[place] - histogram[-1 - place])
