"""Tail probabilities of the tests over a set. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence


def normal_tails(z: float) -> float:
    """The chance of a standard normal at least as far from 0, on either side."""
    return math.erfc(abs(z) / math.sqrt(2))


def chi_square(counts: Sequence[int]) -> float:
    """Pearson's statistic of counts against equal ones."""
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 for count in counts) / expected


def chi_square_tail(value: float, freedom: int) -> float:
    """The chance of a chi-square variable of whole `freedom` above `value`, by its finite series."""
    half = value / 2
    if freedom % 2:
        total, term, power = math.erfc(math.sqrt(half)), math.exp(-half) * math.sqrt(half) / math.gamma(1.5), 1.5
    else:
        total, term, power = 0.0, math.exp(-half), 1.0
    for _ in range(freedom // 2):
        total += term
        term *= half / power
        power += 1
    return min(1.0, total)


def kolmogorov_smirnov(values: Sequence[float]) -> float:
    """The largest distance between the values' distribution and the uniform one on [0, 1]."""
    ordered, size = sorted(values), len(values)
    return max(max((i + 1) / size - v, v - i / size) for i, v in enumerate(ordered))


def kolmogorov_smirnov_tail(distance: float, size: int) -> float:
    """The chance of a distance at least so large (asymptotic series, with Stephens' correction for size)."""
    root = math.sqrt(size)
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:
        return 1.0
    terms = ((1.0 if k % 2 else -1.0) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * sum(terms)))
