"""Means with intervals, and paired differences. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval, in the unit of the values."""

    mean: float
    low: float
    high: float


def finite(estimate: Estimate) -> dict[str, float | None]:
    """An estimate as JSON has it, which knows neither NaN nor infinity."""
    return {key: value if math.isfinite(value) else None for key, value in asdict(estimate).items()}


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """The mean, with the 2.5 % and 97.5 % percentiles of 2,000 resamples; NaN where there is none."""
    if not values:
        return Estimate(math.nan, math.nan, math.nan)
    data = np.asarray(values, dtype=float)
    rng = np.random.default_rng(seed)
    # One resample at a time: a matrix of indices would not fit for large evaluations.
    means = [data[rng.integers(data.size, size=data.size)].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(data.mean()), float(low), float(high))


def bootstrap_of_means(values: NDArray[np.float64], function: Callable[[NDArray[np.float64]], float]) -> Estimate:
    """A function of the columns' means, with the interval of 2,000 resamples of rows; NaN without rows.

    `values`: (rows, columns). A resample that the function makes NaN of is left out.
    """
    if not len(values):
        return Estimate(math.nan, math.nan, math.nan)
    rng = np.random.default_rng(0)
    drawn = [function(values[rng.integers(len(values), size=len(values))].mean(axis=0)) for _ in range(RESAMPLES)]
    known = sorted(value for value in drawn if value == value) or [math.nan]
    low, high = known[int(0.025 * (len(known) - 1))], known[math.ceil(0.975 * (len(known) - 1))]
    return Estimate(float(function(values.mean(axis=0))), float(low), float(high))


def paired_difference(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Mean of `after - before` over pairs, and its standard error (sample deviation / sqrt(n))."""
    difference = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    if difference.size < 2:
        return float(difference.mean()) if difference.size else math.nan, math.nan
    return float(difference.mean()), float(difference.std(ddof=1) / math.sqrt(difference.size))
