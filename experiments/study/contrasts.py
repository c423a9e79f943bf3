"""Differences between arms, with their intervals. Pure.

An arm's seeds vary, and so would other problems. The squared standard error of a difference is the sum of both: over
each arm's seeds (Welch), and over the problems, which all arms share, of the difference itself. The problems' part
holds some of the sampling noise that the seeds' part holds too, so an interval is rather too wide than too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Floats = NDArray[np.float64]
Expected = Literal["more", "less", "same", "not less"]


@dataclass(frozen=True)
class Difference:
    """An estimate with its 95 % interval, in the unit of the values."""

    mean: float
    error: float
    """Standard error."""
    low: float
    high: float
    few: bool = False
    """Whether an arm has one seed only, so that the interval is over problems alone."""

    def verdict(self, expected: Expected, margin: float = 0.0) -> str:
        """`held`, `not held` or `open`; `same` and `not less` are to within `margin`."""
        held, contrary = {
            "more": (self.low > 0, self.high < 0),
            "less": (self.high < 0, self.low > 0),
            "same": (self.low > -margin and self.high < margin, self.low > margin or self.high < -margin),
            "not less": (self.low > -margin, self.high < -margin),
        }[expected]
        return "held" if held else "not held" if contrary else "open"


def difference(arms: Mapping[str, Floats], plus: Sequence[str], minus: Sequence[str]) -> Difference:
    """The mean of the arms in `plus` less that of those in `minus`.

    `arms`: values by arm, one row a seed and one column a problem (the same problems for all), NaN where unknown. One
    column is no sample of problems: the interval is over seeds alone. With nothing in `minus`, the mean itself.
    """
    weights = {name: 1 / len(plus) for name in plus}
    for name in minus:
        weights[name] = weights.get(name, 0.0) - 1 / len(minus)
    seed_means = {name: _mean(arms[name], 1) for name in weights}
    per_problem = sum(weight * _mean(arms[name], 0) for name, weight in weights.items())
    mean = sum(weight * float(seed_means[name].mean()) for name, weight in weights.items())
    parts = [
        (weights[name] ** 2 * float(values.var(ddof=1)) / values.size, values.size - 1)
        for name, values in seed_means.items()
        if values.size > 1
    ]
    known = np.asarray(per_problem)[~np.isnan(per_problem)]
    if known.size > 1:
        parts.append((float(known.var(ddof=1)) / known.size, known.size - 1))
    few = any(values.size == 1 for values in seed_means.values())
    return _interval(mean, parts, few)


def _mean(values: Floats, axis: int) -> Floats:
    """Of what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    means: Floats = np.divide(np.nansum(values, axis=axis), count, out=np.full(count.shape, np.nan), where=count > 0)
    return means


def _interval(mean: float, parts: Sequence[tuple[float, int]], few: bool) -> Difference:
    """`parts`: variances of the mean with their degrees of freedom (Welch and Satterthwaite)."""
    total = sum(variance for variance, _ in parts)
    if not parts:
        return Difference(mean, math.nan, math.nan, math.nan, few)
    if total == 0:
        return Difference(mean, 0.0, mean, mean, few)
    degrees = total**2 / sum(variance**2 / freedom for variance, freedom in parts)
    error = math.sqrt(total)
    half = float(student.ppf(0.975, degrees)) * error
    return Difference(mean, error, mean - half, mean + half, few)
