"""Which entries of a difference are kept: the largest by magnitude, exactly so many, from a stream.

The bits of a float's magnitude are ordered as the magnitudes are. So a histogram of their upper 16
bits, and one of the lower 16 bits of those that share the threshold's upper ones, give the k-th
largest magnitude of any number of entries exactly, in two passes and a megabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

INFINITY = 0x7F800000
"""The bits of infinity; those of NaN are larger."""
_BINS = 1 << 16
"""Of a histogram."""
THREADS = 2
T = TypeVar("T")


class NotFinite(ValueError):
    """A difference holds an infinity or a NaN, so its entries have no order."""


@dataclass
class Selection:
    """Keeps magnitudes above a threshold, and the first `ties` of those that equal it.

    `threshold` is the bits of a float32. Pieces must come in the order of the stream.
    """

    threshold: int
    ties: int

    def mask(self, delta: Tensor) -> Tensor:
        """(n,) float32 -> (n,) int32 for the next entries: all bits set where one is kept, else none."""
        bits = magnitude_bits(delta)
        mask = (self.threshold - bits).bitwise_right_shift_(31)
        if self.ties:
            equal = (bits == self.threshold).nonzero()[:, 0][: self.ties]
            mask[equal] = -1
            self.ties -= len(equal)
        return mask


def kept_only(mask: Tensor, values: Tensor) -> Tensor:
    """(n,) float32 `values` where the mask is set, 0 elsewhere; in place."""
    values.view(torch.int32).bitwise_and_(mask)
    return values


def where_kept(mask: Tensor, values: Tensor, others: Tensor) -> Tensor:
    """(n,) float32 `values` where the mask is set, elsewhere `others` to the bit; in place of `values`."""
    bits, other = values.view(torch.int32), others.view(torch.int32)
    bits.bitwise_xor_(other).bitwise_and_(mask).bitwise_xor_(other)
    return values


def magnitude_bits(delta: Tensor) -> Tensor:
    """(n,) float32 -> (n,) int32 that are ordered as the magnitudes are."""
    return delta.view(torch.int32) & 0x7FFFFFFF


def select_largest(pieces: Sequence[T], load: Callable[[T], Tensor], count: int) -> Selection:
    """Keep exactly the `count` largest magnitudes of float32 pieces; of equals, the first.

    `load` gives the same piece at every call, from any thread. Errors: NotFinite.
    """
    if count <= 0:
        return Selection(INFINITY, 0)
    upper = _histogram(pieces, lambda piece: magnitude_bits(load(piece)).bitwise_right_shift_(16))
    if upper[INFINITY >> 16 :].any():
        raise NotFinite
    top, above = _bin_of(upper, count)

    def lower_bits(piece: T) -> Tensor:
        bits = magnitude_bits(load(piece)).numpy()
        return torch.from_numpy(bits[bits >> 16 == top] & 0xFFFF)  # numpy's masks are twice as fast

    bottom, more = _bin_of(_histogram(pieces, lower_bits), count - above)
    return Selection(top << 16 | bottom, count - above - more)


def _histogram(pieces: Sequence[T], values: Callable[[T], Tensor]) -> Tensor:
    """How often each 16-bit value occurs in all pieces; they are shared out to threads."""

    def part(own: Sequence[T]) -> Tensor:
        found = torch.zeros(_BINS, dtype=torch.int64)
        for piece in own:
            found += torch.bincount(values(piece), minlength=_BINS)
        return found

    with ThreadPoolExecutor(THREADS) as threads:
        return torch.stack(list(threads.map(part, [pieces[i::THREADS] for i in range(THREADS)]))).sum(0)


def _bin_of(histogram: Tensor, count: int) -> tuple[int, int]:
    """The bin that holds the `count`-th largest entry, and how many entries lie in higher bins."""
    from_above = histogram.flip(0).cumsum(0)
    place = int(torch.searchsorted(from_above, count))
    return len(histogram) - 1 - place, int(from_above[place] - histogram[-1 - place])
