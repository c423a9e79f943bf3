"""A random stream for each rollout, without state: the n-th number of a stream is a function of its seed and n."""

from __future__ import annotations

from hashlib import blake2b

from torch import Tensor

_STEP, _FIRST, _SECOND = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15
"""SplitMix64's constants (Steele, Lea and Flood, OOPSLA 2014) as signed numbers; int64 wraps as it needs."""


def stable_seed(*parts: int) -> int:
    """A 62-bit seed that is a function of `parts` alone."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest(), "big") >> 2


def uniform(seeds: Tensor, place: Tensor) -> Tensor:
    """(B,) float64 numbers in [0, 1), 32 bits each: number `place` (B,) of the stream of each seed (B,), int64."""
    mixed = seeds + (place + 1) * _STEP
    mixed = (mixed ^ _shift(mixed, 30)) * _FIRST
    mixed = (mixed ^ _shift(mixed, 27)) * _SECOND
    return _shift(mixed ^ _shift(mixed, 31), 32).double() * 2.0**-32


def _shift(bits: Tensor, by: int) -> Tensor:
    """To the right, zeros coming in; int64's own shift repeats the sign."""
    return (bits >> by) & ((1 << (64 - by)) - 1)
